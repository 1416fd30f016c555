"""The page as an app: what it is installed by, for whoever asks, and that nothing of it keeps an answer."""

import io

import pytest
from door_help import ALWAYS
from PIL import Image
from rag_house import build
from starlette.testclient import TestClient

from app import put_page
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.api.app import build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.config import Config
from deepseek_mm.settings_file import SettingsFile
from ui import html
from ui.web_app import ICONS, MANIFEST, SHARE, WORKER, make_manifest


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """The page behind a door that wants keys; a client of it, and its keys."""
    with build(tmp_path_factory.mktemp("app") / "library") as assistant:
        api = build_api(assistant, SettingsFile.of(assistant.config))
        put_page(api)
        keys = Keys(assistant.config.data)
        guarded = guard_app(api.app, Config(data=assistant.config.data, serve=ALWAYS), keys)
        yield TestClient(guarded, base_url="http://127.0.0.1:7860", follow_redirects=False), keys
        api.close()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_stranger_may_have_what_the_page_is_installed_by_and_nothing_else(house, language):
    client, _ = house
    told = client.get(MANIFEST, params={"language": language})
    assert (told.status_code, told.headers["content-type"]) == (200, "application/manifest+json")
    assert told.json() == make_manifest(language)
    assert client.get(f"/{language}/").status_code in (303, 401)
    for address, side in ICONS.items():
        icon = Image.open(io.BytesIO(client.get(address).content))
        assert icon.size == (side, side)
        edge = icon.convert("RGB").crop((0, 0, side, side // 20))
        assert len(edge.getcolors()) == 1  # room to be cut round
    worker = client.get(WORKER)
    assert (worker.status_code, worker.headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert "default-src 'self'" in worker.headers["content-security-policy"]


def test_the_manifest_is_in_the_language_of_the_page_and_takes_pictures_by_post():
    english, chinese = make_manifest("en"), make_manifest("zh")
    assert (english["lang"], chinese["lang"]) == ("en", "zh")
    assert english["description"] != chinese["description"]
    assert {icon["purpose"] for icon in english["icons"]} == {"any", "maskable"}
    target = english["share_target"]
    assert (target["action"], target["method"], target["enctype"]) == (SHARE, "POST", "multipart/form-data")
    assert 'href="/manifest.webmanifest?language=zh"' in html.head("zh")


def test_what_is_shared_before_the_worker_is_there_leads_to_the_page_for_whoever_may_see_it(house):
    client, keys = house
    sent = {"files": {"pictures": ("a.png", b"x")}}
    assert client.post(SHARE, **sent).status_code == 401
    for rights, status in ((["ask"], 403), (["ask", "page"], 303)):
        shown = {"Authorization": f"Bearer {keys.add(f'key{status}', rights)}"}
        assert client.post(SHARE, headers=shown, **sent).status_code == status
    foreign = {"Origin": "https://far.example", "Sec-Fetch-Site": "cross-site"} | shown
    assert client.post(SHARE, headers=foreign, **sent).status_code == 403


def test_the_worker_keeps_nothing_and_asks_nobody_else():
    worker = html.script("worker")
    for way in ("caches", "indexedDB", "localStorage", "importScripts", "http:", "https:"):
        assert way not in worker
