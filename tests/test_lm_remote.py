import asyncio
import base64
import io
import socket
import threading
import time

import pytest
from chat_server import chat_server
from fakes import picture
from PIL import Image

from deepseek_mm.config import LMConfig
from deepseek_mm.errors import ServerError
from deepseek_mm.lm.backends.server_model import open_remote
from deepseek_mm.types import Message

ASK = (Message(role="system", text="Cite."), Message(role="user", text="What flies?"))


def config(server, **options):
    return LMConfig(**{"name": "kite-7b", "url": server.url, "timeout_s": 10, **options})


def listen(generator, messages=ASK, *, max_tokens=20):
    return list(generator.stream(messages, max_tokens=max_tokens, stop=threading.Event()))


def test_words_stream_in_order_and_the_request_is_greedy():
    with chat_server("A", " red", " kite", " 日本 🎉") as server:
        assert listen(open_remote(config(server))) == ["A", " red", " kite", " 日本 🎉"]
    messages = [{"role": "system", "content": "Cite."}, {"role": "user", "content": "What flies?"}]
    expected = {"model": "kite-7b", "messages": messages, "max_tokens": 20, "temperature": 0, "stream": True}
    assert server.asked == [{"path": "/v1/chat/completions", **expected}]


def test_a_word_is_heard_before_the_next_one_is_sent():
    with chat_server(fault="hang") as server:
        pieces = open_remote(config(server)).stream(ASK, max_tokens=9, stop=threading.Event())
        assert [next(pieces), next(pieces)] == ["A", " red"]
        server.release.set()
        assert list(pieces) == [" kite", " [1]."]


def test_under_the_default_name_the_servers_first_model_speaks():
    with chat_server() as server:
        generator = open_remote(LMConfig(url=server.url))
        assert "".join(listen(generator)) == "A red kite [1]."
    assert (generator.name, server.asked[0]["model"]) == ("kite-7b", "kite-7b")
    assert generator.fingerprint == f"{server.url}#kite-7b"


@pytest.mark.parametrize("ending", ["", "/"])
def test_the_address_may_end_in_a_slash_or_not(ending):
    with chat_server() as server:
        assert "".join(listen(open_remote(config(server, url=server.url + ending)))) == "A red kite [1]."
    assert server.asked[0]["path"] == "/v1/chat/completions"


def test_pictures_go_along_to_a_model_that_sees():
    seen = (Message(role="user", text="What is it?", images=(picture("red"), picture("blue", size=(3000, 1500)))),)
    with chat_server() as server:
        listen(open_remote(config(server, sees=True)), seen)
    text, *pictures = server.asked[0]["messages"][0]["content"]
    assert text == {"type": "text", "text": "What is it?"}
    urls = [part["image_url"]["url"] for part in pictures]
    assert all(url.startswith("data:image/jpeg;base64,") for url in urls)
    images = [Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) for url in urls]
    assert [image.size for image in images] == [(64, 48), (1024, 512)]
    red, _, blue = images[0].getpixel((5, 5))
    assert red > 200 > 60 > blue


def test_pictures_stay_here_when_the_model_does_not_see():
    with chat_server() as server:
        listen(open_remote(config(server)), (Message(role="user", text="What?", images=(picture(),)),))
    assert server.asked[0]["messages"] == [{"role": "user", "content": "What?"}]


def test_the_key_goes_into_the_header_and_nowhere_else(monkeypatch):
    monkeypatch.setenv("MY_KEY", "sesame")
    with chat_server(key="sesame") as server:
        generator = open_remote(LMConfig(url=server.url, api_key_env="MY_KEY", api_key_for=server.url))
        assert "".join(listen(generator)) == "A red kite [1]."
    assert server.headers[0]["authorization"] == "Bearer sesame"
    assert "sesame" not in f"{generator.name}{generator.fingerprint}{server.asked}"


def test_a_password_in_the_address_is_used_and_never_shown():
    with chat_server() as server:
        url = server.url.replace("//", "//me:hush@")
        generator = open_remote(config(server, url=url))
        listen(generator)
        server.fault = "500"
        with pytest.raises(ServerError) as failure:
            listen(generator)
    assert server.headers[0]["authorization"].startswith("Basic ")
    assert "hush" not in f"{generator.fingerprint} {failure.value}"


def test_a_server_that_does_not_stream_is_understood():
    with chat_server(fault="whole") as server:
        assert listen(open_remote(config(server))) == ["A red kite [1]."]


@pytest.mark.parametrize("wait_for", [0, 2])
def test_a_stop_closes_the_connection_at_once_even_while_the_server_thinks(wait_for):
    words = [str(n) for n in range(10_000)]
    with chat_server(*words, fault="hang") as server:
        stop = threading.Event()
        pieces = open_remote(config(server)).stream(ASK, max_tokens=9, stop=stop)
        heard = [next(pieces) for _ in range(wait_for)]
        threading.Timer(0.1, stop.set).start()
        began = time.monotonic()
        heard += list(pieces)
        assert time.monotonic() - began < 2
        assert heard == ["0", "1"]
        assert server.hung_up.wait(5)


def test_whoever_leaves_early_closes_the_connection_too():
    with chat_server(*["x"] * 10_000, fault="hang") as server:
        pieces = open_remote(config(server)).stream(ASK, max_tokens=9, stop=threading.Event())
        assert next(pieces) == "x"
        pieces.close()
        assert server.hung_up.wait(5)


def test_no_thread_is_left_when_the_answer_is_over():
    with chat_server() as server:
        listen(open_remote(config(server)))
        deadline = time.monotonic() + 5
        while any(thread.name == "lm-server" for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_answers_at_the_same_time_do_not_mix():
    with chat_server() as server:
        generator, heard = open_remote(config(server)), [""] * 8

        def ask(n):
            heard[n] = "".join(listen(generator, (Message(role="user", text=str(n)),)))

        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert heard == ["A red kite [1]."] * 8
    assert sorted(body["messages"][0]["content"] for body in server.asked) == [str(n) for n in range(8)]


def test_it_may_be_asked_from_inside_a_running_event_loop():
    async def scenario(server):
        return "".join(listen(open_remote(LMConfig(url=server.url))))

    with chat_server() as server:
        assert asyncio.run(scenario(server)) == "A red kite [1]."


def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with chat_server() as server:
        assert "".join(listen(open_remote(LMConfig(url=server.url)))) == "A red kite [1]."


FAULTS = {
    "401": (r"answered 401 \('the tensor cores are on strike'\)\. It wants a key: set .* OPENAI_API_KEY", []),
    "429": ("answered 429 .* wait, then ask again", []),
    "500": (r"answered 500 \('the tensor cores are on strike'\)\. It failed by itself: see its log", []),
    "400": ("answered 400 .* Check --llm and --model$", []),
    "302": ("answered 302 .* Check --llm", []),
    "wrong kind": ("not a chat completion: .*words.*such as http://127.0.0.1:8000/v1", []),
    "page": ("not a JSON object: '<html><body>Welcome to nginx!.* such as http://127.0.0.1:8000/v1", []),
    "cut": ("broke off .*See its log, then ask again", ["A", " red"]),
    "error event": ("the server gave up: 'out of memory'", ["A", " red"]),
    "garbage": (r"not a JSON object: '\{not json'", ["A", " red"]),
    "odd": ("not a chat completion: ", ["A", " red"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_failure_says_what_to_do_next_and_keeps_what_was_heard(fault):
    message, expected = FAULTS[fault]
    heard = []
    with chat_server(fault=fault) as server:
        pieces = open_remote(config(server)).stream(ASK, max_tokens=9, stop=threading.Event())
        with pytest.raises(ServerError, match=message):
            heard.extend(pieces)
    assert heard == expected


def test_an_unknown_model_is_answered_with_the_list_of_models():
    with chat_server() as server, pytest.raises(ServerError, match=r"'kite' .*not found.*--model: kite-7b, kite-70b"):
        listen(open_remote(config(server, name="kite")))


def test_an_address_without_the_service_says_how_most_addresses_end():
    with chat_server(fault="no list") as server, pytest.raises(ServerError, match="most addresses end in /v1"):
        listen(open_remote(config(server, name="kite")))


def test_a_wrong_key_is_told_apart_from_a_missing_one(monkeypatch):
    with chat_server(key="sesame") as server:
        with pytest.raises(ServerError, match="wants a key: set the environment variable MY_KEY"):
            open_remote(LMConfig(url=server.url, api_key_env="MY_KEY"))
        monkeypatch.setenv("MY_KEY", "wrong")
        with pytest.raises(ServerError, match="refuses this key"):
            listen(open_remote(config(server, api_key_env="MY_KEY", api_key_for=server.url)))


def test_a_refused_picture_says_how_to_leave_pictures_out():
    with chat_server(fault="400") as server, pytest.raises(ServerError, match=r"lm\.sees=false"):
        listen(open_remote(config(server, sees=True)))


def test_a_server_without_a_model_says_to_load_one():
    with chat_server(models=()) as server, pytest.raises(ServerError, match="offers no model. Load one there"):
        open_remote(LMConfig(url=server.url))


def test_a_silent_server_is_given_up_after_the_time_that_was_set():
    with chat_server(fault="hang") as server:
        pieces = open_remote(config(server, timeout_s=0.3)).stream(ASK, max_tokens=9, stop=threading.Event())
        assert [next(pieces), next(pieces)] == ["A", " red"]
        began = time.monotonic()
        with pytest.raises(ServerError, match=r"said nothing for 0.3 s. .* raise lm.timeout_s"):
            next(pieces)
        assert 0.25 < time.monotonic() - began < 3
        assert server.hung_up.wait(5)


@pytest.mark.parametrize("ask", [lambda c: listen(open_remote(c)), open_remote])
def test_a_server_that_is_not_there_is_named(ask):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening: refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        with pytest.raises(ServerError, match=f"no language model server at {url} .* correct --llm"):
            ask(LMConfig(url=url) if ask is open_remote else LMConfig(url=url, name="kite"))


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "ftp://host/v1", "http://", "nonsense", "http://a b\0/v1"])
def test_an_address_that_is_none_shows_how_to_write_one(url):
    with pytest.raises(ServerError, match="Write --llm like http://127.0.0.1:8000/v1"):
        open_remote(LMConfig(url=url))


@pytest.mark.parametrize("fault", ["endless page", "endless line", "endless words"])
def test_an_answer_without_end_is_cut_off_and_what_was_heard_stays(fault):
    heard = []
    with chat_server(fault=fault) as server:
        pieces = open_remote(config(server)).stream(ASK, max_tokens=9, stop=threading.Event())
        with pytest.raises(ServerError, match="broke off .it is longer than 4,000,000 bytes"):
            heard.extend(pieces)
        assert server.hung_up.wait(5)
    assert 4_000_000 <= server.flooded < 100_000_000
    assert set(heard) == ({"ha "} if fault == "endless words" else set())


def test_a_list_of_models_without_end_is_cut_off():
    with chat_server(fault="endless list") as server:
        with pytest.raises(ServerError, match="longer than 4,000,000 bytes"):
            open_remote(LMConfig(url=server.url))
        assert server.hung_up.wait(5)
