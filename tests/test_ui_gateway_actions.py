"""What a visitor does on the page without the right to it changes nothing and is told so: over Gradio's own queue.

Each action is also done with the right, so that a refusal is no accident of the test.
"""

import io
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from chat_server import chat_server
from fakes import picture
from page_door import ALL, GuardedHouse, guarded_house
from page_events import Outcome, PageClient, event_of, first_value, named, takes_files
from rag_house import paint, put

import app
from ui.words import ENGLISH

pytestmark = pytest.mark.filterwarnings("ignore:.*no_silent_downcasting")
PATIENCE_S = 30


@dataclass(kw_only=True)
class Stage:
    """A library with two photos, a collection, a backup, and things of which a visitor may dream."""

    house: GuardedHouse
    outside: Path  # a folder in no root
    roots: Path  # one that callers with a key may name
    server: str  # an address in the network of this machine
    asked: list = field(default_factory=list)  # what it was asked

    def known(self) -> dict:
        """All that an action could change."""
        assistant = self.house.assistant
        store, library, data = assistant.store, assistant.library, assistant.config.data
        walked = os.walk(data)  # a folder of work under way may vanish meanwhile
        files = {Path(at, name) for at, _, names in walked for name in names if "page" not in Path(at).parts}
        return {
            "sources": sorted(source.path for source in store.sources(limit=99)),
            "collections": store.collections(),
            "said": [library.description_of(source) for source in store.sources(limit=99)],
            "jobs": sorted((job.id, job.kind) for job in library.jobs.find(limit=-1)),
            "watched": library.list_watched(),
            "taken": [each.token for each in library.list_taken()],
            "files": sorted(str(path) for path in files if not path.name.endswith(("-wal", "-shm", "keys.json"))),
            "settings": (data / "config.toml").read_text() if (data / "config.toml").exists() else "",
            "outside": sorted((path.name, path.is_file() and path.read_bytes()) for path in self.outside.iterdir()),
            "asked": len(self.asked),
        }


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One for all tests, those first that change nothing."""
    tmp_path = tmp_path_factory.mktemp("stage")
    roots, outside = tmp_path / "roots", tmp_path / "outside"
    paint(outside, "secret.png", "red")
    (outside / "diary.txt").write_text("mine")
    paint(roots, "blue.png", "blue")
    patch = pytest.MonkeyPatch()
    patch.setattr(app, "PHOTOS", roots)  # as if it were the bundled ones
    with chat_server(models=["kite-7b"]) as server, guarded_house(tmp_path, roots=str(roots)) as house:
        paths = [paint(tmp_path / "photos", f"{name}.png", name) for name in ("green", "red")]
        put(house.assistant, *paths)
        library = house.assistant.library
        library.assign([str(paths[0])], "Trip")
        (house.data / "backups").mkdir()
        library.backup(house.data / "backups" / "one.deepseek-mm")
        wait(house)
        library.take_out([str(paths[1])])
        library.watch(roots)
        wait(house, found=2)
        yield Stage(house=house, outside=outside, roots=roots, server=server.url, asked=server.asked)
    patch.undo()


def wait(house: GuardedHouse, *, found: int = 0) -> None:
    """Until nothing is being done any more, and so many files are known."""

    def is_busy() -> bool:
        active = house.assistant.library.jobs.find(states=("running", "waiting"), limit=-1)
        return any(job.kind != "watch" for job in active) or house.assistant.store.counts().sources < found

    until_s = time.monotonic() + PATIENCE_S
    while is_busy():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def png() -> bytes:
    out = io.BytesIO()
    picture("blue").save(out, "PNG")
    return out.getvalue()


def push(button: str, **fields: object) -> Callable[[PageClient, Stage], Outcome]:
    """Press a button of the page, fields by their labels."""

    def act(browser: PageClient, stage: Stage) -> Outcome:
        return pushed(browser, button, {name: filled(value, browser, stage) for name, value in fields.items()})

    return act


def pushed(browser: PageClient, button: str, fields: dict) -> Outcome:
    label, words = getattr(browser.page.words, button), browser.page.words
    event = event_of(browser.page, "", pressed=label)
    values = {}
    for n, block in enumerate(event.inputs):
        name = next((name for name in fields if getattr(words, name, None) == getattr(block, "label", "")), "")
        values[n] = fields[name] if name else first_value(block)
    return browser.trigger(event, values)


def filled(value: object, browser: PageClient, stage: Stage) -> object:
    return value(browser, stage) if callable(value) else value


def uploaded(browser: PageClient, stage: Stage) -> object:
    """An upload; of whoever may not even upload a name that means nothing."""
    answer = browser.client.post(f"{browser.base}/upload", files={"files": ("blue.png", png())})
    return [named(answer.json()[0] if answer.status_code == 200 else "x" * 32)]


def press(handler: str, act: str, what: object = "", text: str = "", *, at: str = "") -> Callable:
    """Press a button in a piece of HTML."""

    def pressed(browser: PageClient, stage: Stage) -> Outcome:
        told = {"act": act, "what": filled(what, browser, stage), "text": filled(text, browser, stage)}
        return browser.trigger(event_of(browser.page, handler, pressed=at), {}, told)

    return pressed


def in_list(act: str, *, what: object = None, text: str = "") -> Callable:
    """The same in the list of files, once it is shown."""

    def pressed(browser: PageClient, stage: Stage) -> Outcome:
        browser.trigger(event_of(browser.page, "LibraryGrid.join.filter_list"))
        return press("LibraryTab.join_ask.press", act, ids if what is None else what, text)(browser, stage)

    return pressed


def ids(browser: PageClient, stage: Stage) -> str:
    return ",".join(str(source.id) for source in stage.house.assistant.store.sources(limit=9))


def describing(browser: PageClient, stage: Stage) -> Outcome:
    shown = stage.house.assistant.store.sources(order="added", limit=99)  # which was added last is not certain
    place = next(n for n, source in enumerate(shown) if source.kind == "photo")
    in_list("open", what=str(place))(browser, stage)
    return press("TabNavigation._press", "describe", text="a kite on a beach")(browser, stage)


def chosen_models(browser: PageClient, stage: Stage) -> Outcome:
    return pushed(browser, "set_save_models", {"set_lm": "server", "set_url": stage.server, "set_encoder": "packaged"})


def taken(browser: PageClient, stage: Stage) -> str:
    return stage.house.assistant.library.list_taken()[0].token


ACTIONS: dict[str, Callable[[PageClient, Stage], Outcome]] = {
    "index a path": push("add_index", add_path=lambda _, stage: str(stage.outside)),
    "index an upload": push("add_index", add_files=uploaded),
    "watch a folder": push("add_watch", add_path=lambda _, stage: str(stage.outside)),
    "watch no longer": press("LibraryTab._act", "unwatch", lambda _, stage: str(stage.roots)),
    "put back": press("LibraryTab._act", "undo", taken),
    "verify": push("verify"),
    "repair": push("repair"),
    "back up": push("backup", backup_path=lambda _, stage: str(stage.outside / "new.deepseek-mm")),
    "export everything": push("leave_begin", leave_path=lambda _, stage: str(stage.outside / "all")),
    "take out": push("take_out_selected", take_out_path=lambda _, stage: str(stage.outside.parent / "photos")),
    "restore": push(
        "restore", restore_path=lambda _, stage: str(stage.house.data.absolute() / "backups" / "one.deepseek-mm")
    ),
    "rename a collection": in_list("rename", what="Trip", text="Journey"),
    "describe a photo": describing,
    "put into a collection": in_list("assign", text="Other"),
    "look for duplicates": push("twins_look"),
    "save answers": push("set_save", set_regions=9, set_certainty=0.5, set_presence=0.5),
    "save models": chosen_models,
    "save the dial": lambda browser, _: browser.trigger(event_of(browser.page, "_save_preset"), {0: "fast"}),
    "take the chosen out": in_list("take_out"),
    "begin with the bundled photos": in_list("bundled"),
    "delete everything": push("empty_all", empty_sure=ENGLISH.empty_word),
}
TOLD = {  # these change nothing in the library, and tell what others may not know
    "try a server": push("set_try", set_url=lambda _, stage: stage.server),
    "measure, and find traces": push("health_measure", health_gone_text="secret"),
    "learn": push("learn_now"),
    "accept": press("LearningTab._press", "accept", "1"),
    "see the settings": press("SettingsTab._fill", ""),
}


@pytest.mark.parametrize("rights", [("page",), ("ask", "page")])
def test_a_key_without_the_right_changes_nothing_and_is_told_so(stage, rights):
    browser = stage.house.browser(rights)
    before = stage.known()
    for name, act in (ACTIONS | TOLD).items():
        ended = act(browser, stage)
        assert (ended.success, ended.data) == (False, []), name
        assert "lacks the right" in ended.error, name
        assert stage.known() == before, name
    assert stage.house.assistant.history.feedback() == []


def test_page_alone_opens_the_page_and_says_in_one_line_what_the_key_may_not_do(stage):
    known = event_of(stage.house.page(), "_load.identify")
    told = str(stage.house.browser(("page",)).trigger(known).data)
    assert "This key may not ask or search or change the library or see or change settings." in told
    assert ENGLISH.rules_example not in told
    assert " files" not in told
    asker = str(stage.house.browser(("ask", "page")).trigger(known).data)
    assert "This key may not change the library or see or change settings." in asker
    assert " files" in asker
    assert "may not" not in str(stage.house.browser(ALL).trigger(known).data)


def test_the_page_itself_names_no_place_on_this_machine(stage):
    """What everybody with `page` is sent, before any event."""
    browser = stage.house.browser(("page",))
    for path in ("/en/", "/en/config", "/zh/config", "/en/gradio_api/info"):
        assert str(stage.house.data.parent) not in browser.client.get(path).text


def test_readmes_key_asks_and_searches(stage):
    browser = stage.house.browser(("ask", "page"))
    search = next(event for event in stage.house.page().fns.values() if event.name == "search")
    place = next(n for n, block in enumerate(search.inputs) if takes_files(block))
    found = browser.trigger(search, {place: {"text": "", "files": uploaded(browser, stage)}})
    assert found.success, found.error
    assert "green.png" in str(found.data)


def test_a_key_that_may_change_the_library_but_not_read_it_is_shown_nothing_of_it(stage):
    browser = stage.house.browser(("library", "page"))
    ended = pushed(browser, "take_out_selected", {"take_out_path": "/nothing/there"})
    assert ended.success, ended.error
    assert "/nothing/there" in str(ended.data)
    for known in ("green.png", "Trip", str(stage.roots)):
        assert known not in str(ended.data)


def test_nobody_backs_up_over_a_file_that_is_no_backup(stage):
    browser = PageClient(client=stage.house.local(), page=stage.house.page())
    ended = pushed(browser, "backup", {"backup_path": str(stage.outside / "diary.txt")})
    wait(stage.house)
    assert (stage.outside / "diary.txt").read_text() == "mine"
    assert ended.success


def test_a_key_with_every_right_stays_within_the_folders_and_addresses_that_it_may_name(stage):
    """As in the API: paths in roots, models and servers chosen at the machine."""
    browser = stage.house.browser(ALL)
    before = stage.known()
    for name in ("index a path", "watch a folder", "back up", "export everything", "save models"):
        ended = ACTIONS[name](browser, stage)
        assert ended.success, ended.error
        assert 'role="alert"' in str(ended.data), name
        assert stage.known() == before, name
    tried = TOLD["try a server"](browser, stage)
    assert "only a caller on this machine may" in str(tried.data)
    assert stage.known() == before
    for file in ("diary.txt", "../outside/diary.txt"):
        ended = pushed(browser, "backup", {"backup_path": str(stage.outside / file)})
        assert 'role="alert"' in str(ended.data)
    assert stage.known() == before
    ended = pushed(browser, "add_index", {"add_path": str(stage.roots)})
    assert 'role="alert"' not in str(ended.data)
    assert stage.known() != before


@pytest.mark.parametrize("name", TOLD)
def test_somebody_on_this_machine_is_told(stage, name):
    browser = PageClient(client=stage.house.local(), page=stage.house.page())
    ended = TOLD[name](browser, stage)
    assert ended.success, ended.error


def test_somebody_on_this_machine_does_it(stage):
    """In an order in which each can be done; what one begins has ended when the next is tried."""
    client = stage.house.local()
    for name in ACTIONS:
        browser, before = PageClient(client=client, page=stage.house.page()), stage.known()
        ended = ACTIONS[name](browser, stage)
        assert ended.success, (name, ended.error)
        assert stage.known() != before, (name, re.findall(r"role=.alert.*?</p>", str(ended.data)))
        wait(stage.house)
        failed = [job for job in stage.house.assistant.library.jobs.find(states=("failed",), limit=-1)]
        assert failed == [], name
