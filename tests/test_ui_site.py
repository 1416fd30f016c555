"""The page in two languages behind one address."""

import pytest
from fake_app import paper
from fastapi.testclient import TestClient
from gradio.routes import App
from serve_help import As

import app
from deepseek_mm.config import Config
from ui.gateway.events import GuardedBlocks
from ui.site import chosen


@pytest.mark.parametrize(
    ("cookie", "accepts", "language"),
    [
        ("", "", "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("", "de-DE,de;q=0.9,zh-TW;q=0.5", "zh"),
        ("", "en-GB,zh;q=0.9", "en"),
        ("", "zh;q=0.1,en;q=0.9", "en"),
        ("", "zh;q=0,fr", "en"),
        ("", "*;q=0.5, \x00;;q=9", "en"),
        ("en", "zh-CN", "en"),
        ("zh", "en", "zh"),
        ("<script>", "zh", "zh"),
    ],
)
def test_the_choice_of_the_visitor_wins_then_the_browsers_then_english(cookie, accepts, language):
    assert chosen(cookie, accepts) == language


@pytest.fixture(scope="module")
def made() -> list[GuardedBlocks]:
    """The pages that Gradio made an application of, once for each."""
    return []


@pytest.fixture(scope="module")
def client(tmp_path_factory, made):
    assistant = paper(Config(data=tmp_path_factory.mktemp("library")))
    with pytest.MonkeyPatch.context() as patch:
        create = App.create_app
        patch.setattr(App, "create_app", lambda page, **given: made.append(page) or create(page, **given))
        built = app.build_app(assistant).app
    with TestClient(As(built)) as client:
        yield client
    assistant.close()


def test_a_page_becomes_an_application_twice_for_its_events_and_for_its_visitors(client, made):
    """Gradio makes four of each, which took a second of every start."""
    assert [(page.words.language, made.count(page)) for page in dict.fromkeys(made)] == [("en", 2), ("zh", 2)]


def test_the_front_leads_to_the_page_and_keeps_the_query(client):
    answer = client.get("/?a=1", headers={"accept-language": "zh"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/zh/?a=1")
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("path", "word"), [("/en/", "What to look for"), ("/zh/", "\\u8981\\u627e\\u4ec0\\u4e48")])
def test_each_language_has_a_page_of_its_own(client, path, word):
    page = client.get(path)
    assert page.status_code == 200
    assert word in page.text or word.encode().decode("unicode_escape") in page.text


def test_the_icon_is_our_own(client):
    for path in ("/icon.svg", "/favicon.ico"):
        assert client.get(path).headers["content-type"].startswith("image/svg+xml")


def test_a_picture_is_served_only_under_an_address_of_ours(client):
    assert client.get("/picture/abc.def").headers["cache-control"] == "no-store"
