"""Model servers in the Settings tab: cards to choose from, a trial, and what a press changes."""

import re
from dataclasses import replace

import gradio as gr
import pytest
from fakes import Parrot
from model_servers import look_at, model_servers, wait_until
from page_caller import services_of
from rag_house import build

from deepseek_mm import LOCAL, Caller, ExchangeState, SettingsFile
from deepseek_mm.accounts.permissions import RIGHTS
from deepseek_mm.lm.backends.server_model import open_remote
from deepseek_mm.models.local_servers import ModelServer, OfferedModel
from deepseek_mm.models.server_trials import ServerState
from ui.server_cards import ServersView, render_servers
from ui.server_handlers import ServerHandlers
from ui.servers_part import ServersPart
from ui.words import CHINESE, ENGLISH


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with build(tmp_path_factory.mktemp("servers") / "library", lm=Parrot("A kite [1]."), phrasing="auto") as house:
        yield house


@pytest.fixture
def part(house):
    services = services_of(house)
    services.exchange.exchange.opens = lambda config: open_remote(config.lm)
    with gr.Blocks():
        return ServersPart.place(ServerHandlers(services=services, words=ENGLISH))


def used(part, what):
    """The part's cards when the model that was chosen answers, or does not."""
    said, *_ = pressed(part, "use", what)
    assert "is being opened" in said
    exchange = part.handlers.services.exchange.exchange
    wait_until(lambda: not exchange.state.is_active)
    return part.show(LOCAL)[part.cards]


@pytest.fixture
def servers(monkeypatch):
    """An Ollama and a vLLM."""
    with model_servers("ollama", "vllm") as (servers, limits):
        look_at(monkeypatch, limits)
        yield servers


def kept(house):
    """The settings of the next start."""
    return SettingsFile.of(house.config).read().config.lm


def pressed(part, act, what, caller=LOCAL):
    """What is said at the end, what at first, and the cards."""
    *first, last = part.press(caller, act, what)
    said = last[part.said]
    told = "".join(str(update[part.said].value) for update in first)
    return str(said.value if hasattr(said, "value") else said), told, str(last[part.cards])


def buttons(html):
    return re.findall(r'data-act="(\w+)" data-what="([^"]*)"', html)


def test_a_card_for_each_model_offers_what_it_allows(part, servers):
    html = part.show(LOCAL)[part.cards]
    ollama, vllm = (server.url for server in servers)
    assert f"Ollama 0.12.3 at {ollama}" in html
    assert buttons(html) == [
        *[(act, f"{ollama} {name}") for name in ("llava:7b", "qwen3:4b") for act in ("use", "try")],
        ("try", f"{ollama} nomic-embed-text:latest"),
        *[(act, f"{vllm} Qwen/Qwen2.5-VL-3B-Instruct") for act in ("use", "try")],
        ("look", ""),
    ]
    assert "Pictures (its server says so), 4096 tokens at a time, 4.7 GB" in html
    assert "passes what is asked on to https://ollama.com:443. It is not offered." in html


def test_by_a_click_a_model_answers_and_is_shown_pictures_if_it_sees(part, servers, house):
    html = used(part, f"{servers[0].url} llava:7b")
    lm = kept(house)
    assert (lm.url, lm.name, lm.sees, lm.vlm) == (servers[0].url, "llava:7b", True, "")
    assert (house.lm.name, house.lm.sees) == ("llava:7b", True)
    assert ENGLISH.server_in_use in html
    assert ("use", f"{servers[0].url} llava:7b") not in buttons(html)
    used(part, f"{servers[0].url} qwen3:4b")
    assert (kept(house).name, kept(house).sees) == ("qwen3:4b", False)


def test_where_the_model_does_not_answer_the_one_before_stays_and_the_card_says_why(part, servers, house):
    before = house.lm
    servers[1].say = ""
    servers[1].eyes = False
    html = used(part, f"{servers[1].url} Qwen/Qwen2.5-VL-3B-Instruct")
    assert house.lm is before
    assert "goes on to answer: it said nothing to" in html


def test_while_a_model_is_opened_the_cards_say_so_and_offer_no_other(part):
    place = ("http://127.0.0.1:1234/v1", "m")
    for step, told in (("opening", ENGLISH.server_opening), ("trying", ENGLISH.server_first)):
        shown = replace(view("m"), exchange=ExchangeState(name="m", step=step))
        html = render_servers(shown, ENGLISH)
        assert told in html
        assert shown.is_busy
        assert buttons(html) == [("try", " ".join(place)), ("look", "")]


def test_a_model_that_was_tried_is_shown_no_pictures_where_it_failed_to_see(part, servers, house):
    servers[1].eyes = False
    what = f"{servers[1].url} Qwen/Qwen2.5-VL-3B-Instruct"
    said, first, html = pressed(part, "try", what)
    assert "Trying Qwen/Qwen2.5-VL-3B-Instruct" in first
    assert re.search(r"Answers: works \(\d\.\d s\), Pictures: does not work \(.*language model", said)
    assert "Pictures (tried: does not work)" in html
    used(part, what)
    assert kept(house).sees is False
    servers[1].eyes = True
    pressed(part, "try", what)
    used(part, what)
    assert kept(house).sees is True


@pytest.mark.parametrize(
    "what", ["", "x", "http://example.com/v1 llava:7b", "{url} gone:1b", "{url} gpt-oss:120b-cloud"]
)
def test_a_press_that_means_nothing_that_is_there_changes_nothing(part, servers, house, what):
    before = kept(house)
    for act in ("use", "try", "delete", ""):
        pressed(part, act, what.format(url=servers[0].url))
    assert kept(house) == before
    assert not any(body["path"] == "/v1/chat/completions" for body in servers[0].asked)


def test_a_caller_from_elsewhere_is_shown_none_and_can_choose_none(part, servers, house):
    far, before = Caller(name="far", rights=frozenset(RIGHTS), session="key:far", local=False), kept(house)
    assert ENGLISH.servers_none in part.show(far)[part.cards]
    pressed(part, "use", f"{servers[0].url} llava:7b", far)
    said, *_ = pressed(part, "try", f"{servers[0].url} llava:7b", far)
    assert "only a caller on this machine may" in said
    assert kept(house) == before


def view(name="m", version="", **more):
    server = ModelServer(kind="lm studio", port=1234, version=version, models=(OfferedModel(name=name, **more),))
    return ServersView(servers=[ServerState(server=server, results={})])


def test_names_from_a_server_are_text_and_no_markup():
    html = render_servers(view("<img src=x onerror=alert(1)>", version="<b>"), ENGLISH)
    assert "<img" not in html
    assert "<b>" not in html


def test_the_model_in_use_says_so_and_offers_a_trial_alone():
    shown = replace(view("m"), in_use=("http://127.0.0.1:1234/v1", "m"))
    html = render_servers(shown, ENGLISH)
    assert ENGLISH.server_in_use in html
    assert [act for act, _ in buttons(html)] == ["try", "look"]


def test_the_part_speaks_chinese():
    html = render_servers(view(sees=True, uses_tools=True, context_tokens=8192), CHINESE)
    assert "看图（服务器称支持）" in html
    assert "一次 8192 个词元" in html
    assert "使用" in html
    assert CHINESE.servers_none in render_servers(ServersView(), CHINESE)
