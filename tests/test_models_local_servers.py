"""Which servers of this machine are found, what they are asked, and what is made of whatever they answer."""

import socket
import threading

import pytest
from model_servers import APIS, limits_of, model_server, model_servers, wait_until

from deepseek_mm.api.openai.schemas import Model
from deepseek_mm.models.local_servers import OWN, OfferedModel, find_servers
from deepseek_mm.models.loopback_client import ServerLimits


def found(*servers, **changes):
    return find_servers(limits_of(*(("ollama", server) for server in servers), **changes))


def test_each_kind_of_server_is_found_with_its_version_and_the_address_of_its_openai_api():
    with model_servers("ollama", "llama.cpp", "lm studio", "vllm") as (servers, limits):
        told = find_servers(limits)
    assert [(each.kind, each.version) for each in told] == [
        ("ollama", "0.12.3"),
        ("llama.cpp", "b6800-abc1234"),
        ("lm studio", ""),
        ("vllm", "0.11.0"),
    ]
    assert [each.url for each in told] == [server.url for server in servers]


def test_the_usual_ports_are_those_of_their_documentation():
    expected = {"ollama": 11434, "llama.cpp": 8080, "lm studio": 1234, "vllm": 8000}
    assert dict(ServerLimits().ports) == expected


def test_ollama_tells_by_model_what_it_can_and_where_it_runs():
    with model_server("ollama") as server:
        ((llava, qwen, nomic, cloud),) = (each.models for each in found(server))
    assert llava == OfferedModel(
        name="llava:7b", sees=True, uses_tools=False, embeds=False, context_tokens=4096, size_bytes=4733363377
    )
    assert (qwen.sees, qwen.uses_tools, qwen.context_tokens) == (False, True, 40960)
    assert (nomic.embeds, nomic.context_tokens) == (True, 0)
    assert [each.remote_host for each in (llava, qwen, cloud)] == ["", "", "https://ollama.com:443"]


def test_an_old_ollama_that_names_no_capabilities_leaves_them_open():
    with model_server("ollama") as server:
        server.pages["/api/tags"] = {"models": [{"name": "old:1b", "size": 9}]}
        server.shown = {"old:1b": {"modelfile": "FROM old"}}
        ((old,),) = (each.models for each in found(server))
    assert (old.sees, old.uses_tools, old.embeds) == (None, None, None)


def test_llama_cpp_lm_studio_and_vllm_tell_what_their_apis_hold():
    with model_servers("llama.cpp", "lm studio", "vllm") as (_, limits):
        llama, studio, vllm = (each.models for each in find_servers(limits))
    assert llama == (
        OfferedModel(name="SmolVLM-500M.gguf", sees=True, uses_tools=False, context_tokens=8192, size_bytes=436806912),
    )
    assert studio == (
        OfferedModel(name="qwen2-vl-7b", sees=True, embeds=False, context_tokens=32768),
        OfferedModel(name="llama-3.1-8b", sees=False, uses_tools=True, embeds=False, context_tokens=4096),
        OfferedModel(name="nomic-embed", sees=False, embeds=True, context_tokens=2048),
    )
    assert vllm == (OfferedModel(name="Qwen/Qwen2.5-VL-3B-Instruct", context_tokens=16384),)


@pytest.mark.parametrize("api", ["ollama", "llama.cpp", "lm studio", "vllm"])
def test_a_server_on_the_port_of_another_kind_is_taken_for_what_it_is(api):
    with model_server(api) as server:
        kinds = [find_servers(limits_of((usual, server)))[0].kind for usual in ("ollama", "llama.cpp", "vllm")]
    assert kinds == [api] * 3


def test_our_own_server_is_left_out_and_asked_once():
    with model_server("ours") as server:
        assert found(server) == ()
    assert server.looked == ["/v1/models"]


def test_our_own_api_says_what_it_is_known_by():
    assert Model(id="x", created=1, description="").owned_by == OWN


@pytest.mark.parametrize("fault", ["500", "401", "page", "redirect", "half"])
def test_a_port_that_answers_something_else_is_not_taken_for_a_model_server(fault):
    with model_server("ollama", fault=fault) as server:
        assert found(server) == ()


def test_an_openai_server_of_no_known_kind_is_not_taken_for_one():
    with model_server("nobody") as server:
        server.pages["/v1/models"] = {"data": [{"id": "a", "owned_by": "somebody"}]}
        assert found(server) == ()


def test_a_redirect_is_not_followed():
    with model_server("ollama") as other, model_server("nobody", fault="redirect") as server:
        assert found(server) == ()
        assert other.looked == []


def test_a_silent_port_is_not_waited_for_to_its_end_and_hides_no_other_server():
    with model_server("ollama", fault="slow") as silent, model_server("vllm") as server:
        told = find_servers(limits_of(("ollama", silent), ("vllm", server), look_s=0.4))
        assert not silent.waited_out
    assert [each.kind for each in told] == ["vllm"]


def test_an_answer_without_end_is_cut_off():
    with model_server("ollama", fault="endless") as server:
        assert found(server, most_bytes=200_000) == ()
    assert server.hung_up.wait(5)
    assert server.flooded < 100_000_000  # of a thousand million: what the socket holds is sent in any case


def test_ports_are_asked_at_the_same_time():
    with model_servers("ollama", "vllm", "llama.cpp", fault="together") as (servers, limits):

        def release_all():
            wait_until(lambda: all(server.looked for server in servers))
            for server in servers:
                server.fault = ""
                server.release.set()

        waits = threading.Thread(target=release_all)
        waits.start()  # one after the other, the first would be given up before the second is asked
        assert len(find_servers(limits)) == 3
        waits.join()


def test_nobody_at_a_port_is_no_server():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening: refused
        assert find_servers(ServerLimits(ports=(("ollama", taken.getsockname()[1]),))) == ()


def test_no_proxy_is_used_and_no_key_is_sent(monkeypatch, tmp_path):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_API_KEY", "sesame")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password sesame\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with model_server("ollama") as server:
        assert [each.kind for each in found(server)] == ["ollama"]
    sent = [*server.seen, *server.headers]
    assert not any("authorization" in headers or "cookie" in headers for headers in sent)
    assert "sesame" not in str(sent)


STRANGE = [None, 7, "x", [], {"models": 7}, {"models": [7, None]}, {"models": [{"name": 7}]}, {"models": {"a": 1}}]


@pytest.mark.parametrize("listed", STRANGE)
def test_a_list_of_any_shape_is_no_error(listed):
    with model_server("ollama") as server:
        server.pages["/api/tags"] = listed
        assert [each.models for each in found(server)] in ([], [()])


@pytest.mark.parametrize("name", ["", " a", "a\nb", "a\x1b[31m", "a" * 201, "\u202eevil"])
def test_a_model_whose_name_cannot_be_shown_is_left_out(name):
    with model_server("vllm") as server:
        server.pages["/v1/models"] = {
            "data": [{"id": name, "owned_by": "vllm"}, {"id": "good", "owned_by": "vllm", "max_model_len": -5}]
        }
        (told,) = found(server)
    assert told.models == (OfferedModel(name="good"),)


def test_of_a_thousand_models_no_more_are_listed_than_the_limit_says():
    with model_server("vllm") as server:
        server.pages["/v1/models"] = {"data": [{"id": f"m{n}", "owned_by": "vllm"} for n in range(1000)]}
        (told,) = found(server, most_models=7)
    assert [each.name for each in told.models] == [f"m{n}" for n in range(7)]


def test_only_the_loopback_address_is_ever_asked(monkeypatch):
    asked = []
    connect = socket.socket.connect

    def note(self, address):
        asked.append(address)
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", note)
    with model_servers(*APIS) as (_, limits):
        find_servers(limits)
    assert all(host == "127.0.0.1" for host, *_ in asked)
    assert {url for url in (each.url.split(":")[1] for each in find_servers(limits))} <= {"//127.0.0.1"}
