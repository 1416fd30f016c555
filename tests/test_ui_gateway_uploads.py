"""Every event that takes files takes this browser's uploads only, whatever it is sent: over Gradio's own queue."""

import io
from pathlib import Path

import gradio.processing_utils
import pytest
from fakes import picture
from page_door import guarded_house
from page_events import Outcome, events_with_files, file_value, label, named, takes_files
from serve_help import As
from starlette.testclient import TestClient

from deepseek_mm import Busy, Caller
from ui.gateway.events import PageOwners
from ui.gateway.files import FileRegistry
from ui.gateway.routes import Gateway
from ui.words import CHINESE

SECRET = b"only this server may read this"
NAMES = [
    "a file of the system", "the environment", "the keys", "the history", "a file of the library",
    "a file beside the library", "the path of another's upload", "the id of another's upload", "the path of an own one",
    "a link in the page's folder", "a path from here", "a path that leads out", "nothing", "no path", "a nested object",
    "an address of this machine", "a public address", "an address of a file", "data", "an address alone",
    "a path as an address", "a path without a mark", "a stream", "a path with the address of an upload",
]  # fmt: skip
NINE = NAMES[:10]  # of the kinds that were tried on the landed product; the others in the campaign


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    place = tmp_path_factory.mktemp("house")
    with guarded_house(place) as house:
        (place / "secret.txt").write_bytes(SECRET)
        (house.data / "secret.json").write_bytes(SECRET)
        yield house


@pytest.fixture(scope="module")
def mine(house):
    return house.browser()


@pytest.fixture(scope="module")
def bad(house, mine):
    """What may not be read in this way, by its name."""
    data = house.data.absolute()
    theirs, own = house.browser().upload("theirs.png", png() + SECRET), mine.upload("mine.png", png())
    (their_path,), (own_path,) = (data.rglob(name) for name in ("theirs.png", "mine.png"))
    link = data / "page" / "link.json"
    link.symlink_to(data / "secret.json")
    files = [
        *map(named, ("/etc/passwd", "/proc/self/environ", str(data / "keys.json"), str(data / "history.db"))),
        *map(named, (str(data / "secret.json"), str(data.parent / "secret.txt"), str(their_path), theirs)),
        *map(named, (str(own_path), str(link), "../secret.json", f"{data}/page/../secret.json", "", None)),
        named({"path": "/etc/passwd"}),
        *map(named, ("http://127.0.0.1:9/a.png", "https://example.com/a.png", "file:///etc/passwd")),
        named(None, url="data:image/png;base64,AAAA"),
        {"url": "http://127.0.0.1:9/a.png", "meta": {"_type": "gradio.FileData"}},
        {"url": "/etc/passwd"},
        {"path": "/etc/passwd"},
        named("/etc/passwd", is_stream=True),
        named("/etc/passwd", url=f"/en/gradio_api/file={own}"),
    ]
    return dict(zip(NAMES, files, strict=True))


@pytest.fixture(scope="module")
def events(house):
    return events_with_files(house.page())


@pytest.fixture(autouse=True)
def fetched(monkeypatch):
    """Addresses that Gradio fetched."""
    asked: list[str] = []

    async def fetch(url: str, *args: object, **more: object) -> str:
        asked.append(url)
        raise AssertionError("nothing is fetched")

    monkeypatch.setattr(gradio.processing_utils, "async_ssrf_protected_download", fetch)
    monkeypatch.setattr(gradio.processing_utils, "save_url_to_cache", lambda url, *_: asked.append(url))
    return asked


def png() -> bytes:
    out = io.BytesIO()
    picture("red").save(out, "PNG")
    return out.getvalue()


def files_of(house) -> set[Path]:
    """Every file of the library but those that SQLite makes beside its own."""
    return {path for path in house.data.rglob("*") if path.is_file() and not path.name.endswith(("-wal", "-shm"))}


def sent(mine, event, file) -> Outcome:
    """What becomes of the event, the file in its first place for one."""
    place = next(n for n, block in enumerate(event.inputs) if takes_files(block))
    return mine.trigger(event, {place: file_value(event.inputs[place], file)})


def check_refused(house, mine, events, files, fetched) -> None:
    before = files_of(house)
    for event in events:
        for name, file in files.items():
            ended = sent(mine, event, file)
            assert (ended.success, ended.error) == (False, mine.page.words.file_gone), (label(event), name)
    assert (files_of(house), fetched) == (before, [])


def test_the_events_that_take_files_are_known(house, events):
    """Another event in this list is tested as well, without being named; none in it would be a fault of the test."""
    assert len(events) >= 15
    kinds = {type(block).__name__ for event in events for block in event.inputs if takes_files(block)}
    assert kinds == {"File", "Image", "MultimodalTextbox", "UploadButton"}
    assert list(map(label, events_with_files(house.page("zh")))) == list(map(label, events))


@pytest.mark.parametrize("part", range(4))
def test_no_event_takes_a_file_that_this_browser_did_not_upload(house, mine, events, bad, fetched, part):
    check_refused(house, mine, events[part::4], {name: bad[name] for name in NINE}, fetched)


@pytest.mark.campaign(times=1, only=True)
def test_no_event_takes_a_file_in_any_form_that_is_no_id(house, mine, events, bad, fetched):
    check_refused(house, mine, events, bad, fetched)
    for page in (house.page("zh"),):
        chinese = house.browser(language="zh")
        check_refused(house, chinese, events_with_files(page), {name: bad[name] for name in NINE}, fetched)


@pytest.mark.parametrize("name", NAMES[10:])
def test_the_drop_field_takes_no_file_in_another_form(house, mine, events, bad, fetched, name):
    index = next(event for event in events if "File" in {type(block).__name__ for block in event.inputs})
    check_refused(house, mine, [index], {name: bad[name]}, fetched)


def test_a_file_is_refused_in_a_field_that_takes_none_and_deep_within_another(house, mine, fetched):
    event = events_with_files(house.page())[0]
    place = next(n for n, block in enumerate(event.inputs) if takes_files(block))
    for n, value in (
        (place, {"text": "red", "files": [named(mine.upload("a.png", png())), named("/etc/passwd")]}),
        (place, {"text": "red", "files": [], "more": {"deep": [[named("/etc/passwd")]]}}),
        (0, named("/etc/passwd")),
        (1, [named("/etc/passwd")]),  # a state, which the browser does not hold
    ):
        ended = mine.trigger(event, {n: value})
        assert (ended.success, ended.error) == (False, mine.page.words.file_gone)
    deep: object = "end"
    for _ in range(100):
        deep = [deep]
    ended = mine.trigger(event, {place: {"text": "red", "files": deep}})
    assert not ended.success


@pytest.mark.parametrize("way", ["file", "picture"])
def test_an_upload_reaches_the_event_whatever_else_is_said_of_it(house, mine, events, way):
    number = mine.upload("kite.png", png())
    said = named(number, orig_name="../../evil.sh", url="http://127.0.0.1:9/", size=7, is_stream=True, mime_type="a/b")
    kind = "File" if way == "file" else "MultimodalTextbox"
    event = next(each for each in events if kind in {type(block).__name__ for block in each.inputs})
    ended = sent(mine, event, said)
    assert ended.success, ended.error
    if way == "file":
        assert [path.name for path in (house.data / "added").rglob("*.png")] == ["kite.png"]
    assert not list(house.data.rglob("*evil*"))


def test_what_the_server_puts_into_a_box_comes_back_as_a_file_of_the_same_browser(house, mine):
    """A photo from the camera is put into the box; the box is then sent as the browser holds it."""
    photographed = next(each for each in events_with_files(house.page()) if each.name == "_add_photo")
    ended = mine.trigger(photographed, {0: named(mine.upload("photo.png", png())), 1: {"text": "what?", "files": []}})
    (file,) = next(value for value in ended.data if isinstance(value, dict) and "files" in value)["files"]
    assert (len(file["path"]), file["url"].endswith(f"/gradio_api/file={file['path']}")) == (32, True)
    assert str(house.data) not in str(ended.data)
    assert mine.file(file["path"]).content == png()
    search = events_with_files(house.page())[0]
    assert sent(mine, search, file).success
    other = house.browser()
    assert other.file(file["path"]).status_code == 404
    assert not sent(other, search, file).success


def test_a_file_is_shown_to_the_browser_that_uploaded_it_and_to_no_other(house, mine):
    number = mine.upload("a.png", png())
    answer = mine.file(number)
    assert (answer.content, answer.headers["content-type"]) == (png(), "image/png")
    assert "no-store" in answer.headers["cache-control"]
    assert house.browser().file(number).status_code == 404
    mine.client.cookies.clear()  # another browser of the same person
    assert mine.file(number).status_code == 404


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.js", "a", "a.pdf", "a.xml"])
def test_what_a_browser_could_run_is_only_saved(mine, name):
    answer = mine.file(mine.upload(name, b"<script>alert(1)</script>"))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "path",
    ["page/pictures/key", "page/link.json", "secret.json", "keys.json", "page/uploads", "page", "history.db", "."],
)
def test_no_path_is_an_address_of_a_file(house, mine, path):
    for said in (house.data.absolute() / path, Path("/") / path, path):
        assert mine.file(str(said)).status_code == 404


def test_a_key_that_neither_asks_nor_changes_the_library_uploads_nothing(house):
    visitor = house.browser(["page"])
    before = files_of(house)
    answer = visitor.client.post(f"{visitor.base}/upload", files={"files": ("a.png", png())})
    assert (answer.status_code, answer.text) == (403, visitor.page.words.upload_refused)
    assert files_of(house) == before | {house.data / "keys.json"}


def test_an_upload_that_is_broken_or_too_large_leaves_nothing(house, mine, monkeypatch):
    before = files_of(house)
    head = {"content-type": "multipart/form-data; boundary=x"}
    cut = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nabc'
    assert mine.client.post(f"{mine.base}/upload", content=cut, headers=head).status_code in (200, 400)
    assert mine.client.post(f"{mine.base}/upload", content=b"abc").status_code == 400
    text = b'--x\r\nContent-Disposition: form-data; name="files"\r\n\r\nabc\r\n--x--\r\n'
    told = mine.client.post(f"{mine.base}/upload", content=text, headers=head)
    assert (told.status_code, told.text) == (400, "a field named files holds no file. Send each with a filename")
    many = [("files", (f"{n}.png", b"x")) for n in range(1_001)]
    assert mine.client.post(f"{mine.base}/upload", files=many).status_code == 400
    assert files_of(house) == before


def test_an_upload_beyond_the_quota_is_refused_in_the_language_of_the_page_and_leaves_nothing(tmp_path):
    def count(caller: Caller, num_bytes: int) -> None:
        told = "1 MB are all that you may upload a day. The next day begins at 2026-05-05 00:00; an owner of this house"
        raise Busy(f"{told} can raise the limit", retry_after_s=60)

    async def gradio(scope, receive, send):
        raise AssertionError("nothing is passed on")

    files = FileRegistry(tmp_path)
    gate = Gateway(
        app=gradio, files=files, owners=PageOwners(), words=CHINESE, max_file_bytes=10_000, tiles=lambda *_: None,
        count_upload=count,
    )  # fmt: skip
    ben = Caller(name="Ben", rights=frozenset(("ask", "page")), session="user:1", user="1")
    answer = TestClient(As(gate, ben)).post("/gradio_api/upload", files={"files": ("a.png", b"x" * 100)})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
    assert answer.text.startswith("你每天最多可以上传 1 MB")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_uploads_of_somebody_whose_data_is_deleted_go_with_it_and_no_others(tmp_path):
    files = FileRegistry(tmp_path)
    kept = {}
    for session in ("user:1 browser", "user:1 phone", "user:12 browser"):
        path = files.make_folder() / "a.png"
        path.write_bytes(b"x")
        kept[session] = path
        files.add(session, path, is_upload=True)
    assert files.forget_owner("user:1") == 2
    assert [path.exists() for path in kept.values()] == [False, False, True]
