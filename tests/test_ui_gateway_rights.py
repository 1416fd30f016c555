"""Every event of the page against every set of rights: it happens only for callers who have what it declares."""

import asyncio
from dataclasses import replace
from functools import partial
from itertools import chain, combinations
from pathlib import Path

import gradio as gr
import pytest
from fake_app import paper
from page_caller import request_of, services_of, visitor_here
from page_events import handler_name, presses, rows_of_events
from printed_tables import check_table
from rights_table import table

from deepseek_mm import LOCAL, RIGHTS, Caller
from deepseek_mm.config import Config
from ui.gateway.events import GuardedBlocks, NoRightDeclared, needed_rights, needs_right
from ui.layout import build_ui
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH

SECURITY = Path(__file__).parent.parent / "docs" / "security.md"
SETS = [frozenset(some) for some in chain.from_iterable(combinations(RIGHTS, n) for n in range(len(RIGHTS) + 1))]
COSMETIC = {"_fields", "_checkpoint", "_load.pass_on", "_load.identify"}  # show nothing of anybody's


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    place = tmp_path_factory.mktemp("page")
    assistant = paper(Config(data=place / "library"))
    means = services_of(assistant), PagePictures(place / "pictures", assistant.picture)
    yield {words.language: build_ui(*means, words) for words in (ENGLISH, CHINESE)}
    assistant.close()


@pytest.fixture
def happened(monkeypatch) -> list[str]:
    """Names of the events that were let through."""
    names: list[str] = []

    async def process_api(self, event, inputs, **more):
        names.append(handler_name(event))
        return {"data": []}

    monkeypatch.setattr(gr.Blocks, "process_api", process_api)
    return names


def caller_with(rights: frozenset) -> Caller:
    return Caller(name="laptop", rights=rights, session="key:1")


async def try_event(page: GuardedBlocks, event, act: str, caller: Caller) -> str:
    """What is said if it is refused."""
    pressed = gr.EventData(None, {"act": act, "what": "1"} if act else None)
    try:
        await page.process_api(event, [], request=request_of(caller), event_data=pressed, session_hash=None)
    except gr.Error as error:
        return str(error.message)
    return ""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_event_happens_only_with_every_right_that_it_declares(pages, happened, language):
    page = pages[language]

    async def matrix() -> int:
        tried = 0
        for event in page.fns.values():
            for act in presses(event):
                needed = {"page"} | needed_rights(event.fn).needed_for(act)
                for rights in SETS:
                    tried += 1
                    said = await try_event(page, event, act, caller_with(rights))
                    assert (not said) == (needed <= rights), (handler_name(event), act, rights)
                    assert bool(happened) == (needed <= rights)
                    assert not said or all(right in said for right in needed - rights)
                    happened.clear()
        return tried

    assert asyncio.run(matrix()) > 90 * len(SETS)


def test_both_languages_declare_the_same(pages):
    english, chinese = (
        [(handler_name(event), needed_rights(event.fn)) for event in page.fns.values() if event.fn is not None]
        for page in pages.values()
    )
    assert english == chinese


def test_page_alone_does_what_shows_and_changes_nothing(pages):
    rows = rows_of_events(pages["en"])
    assert {action for right, action in rows if right == "page"} <= COSMETIC
    assert len({action for right, action in rows if right == "ask"}) > 30


def test_the_page_on_security_prints_the_table_of_events(pages):
    check_table(SECURITY, table(rows_of_events(pages["en"]), "events of the page"))


@pytest.mark.parametrize(
    ("rights", "actions"),
    [
        (
            "library",
            "Index|Watch|Verify|Repair|Back up|Take out|Measure|Look for them|LibraryTab._act",
        ),
        ("ask+library", "take_out|assign|leave|rename|bundled|describe"),
        ("settings", "Restore|Delete everything|Try it|Save|Back to the defaults|Learn now|_save_preset|LearningTab"),
        ("ask+run", "try"),
    ],
)
def test_what_changes_something_for_others_needs_more_than_asking(pages, rights, actions):
    known = [action for right, action in rows_of_events(pages["en"]) if right == rights]
    for action in actions.split("|"):
        assert any(action in each for each in known), (action, known)


def test_an_event_without_a_declared_right_is_refused_when_the_page_is_built():
    page = GuardedBlocks(words=ENGLISH)

    def forgotten() -> str:
        return "here"

    def build(*handlers) -> None:
        with page:
            button = gr.Button("x")
            for handler in handlers:
                button.click(handler, None, None)

    build(needs_right("ask")(lambda: "x"))
    with pytest.raises(NoRightDeclared, match="forgotten declares no right"):
        build(forgotten)


def test_the_right_of_a_handler_is_found_through_methods_and_partials():
    class Tab:
        @needs_right("library", {"look": "ask"})
        def press(self, first: int, second: int) -> None:
            """Acts."""

    for handler in (Tab.press, Tab().press, partial(Tab().press, 1), partial(partial(Tab.press, Tab()), 1)):
        assert needed_rights(handler).needed_for("") == {"library"}
        assert needed_rights(handler).needed_for("look") == {"library", "ask"}


def test_a_request_that_names_nobody_has_nothing_happen(pages, happened):
    page = pages["en"]

    async def knock(request) -> None:
        with pytest.raises(gr.Error, match="nobody says who asks"):
            await page.process_api(page.fns[0], [], request=request, event_data=None)

    for request in (
        None,
        gr.Request(),
        gr.Request(request=request_of().request.__class__(scope={})),
    ):
        asyncio.run(knock(request))
    assert happened == []


def test_a_page_belongs_to_the_caller_who_opened_it(pages, happened):
    page, mine = pages["en"], visitor_here(LOCAL)
    theirs = replace(mine, caller=caller_with(frozenset(RIGHTS)))

    async def use(visitor) -> None:
        request = request_of(visitor=visitor)
        await page.process_api(page.fns[0], [], request=request, event_data=None, session_hash="abc")

    asyncio.run(use(mine))
    with pytest.raises(gr.Error, match="opened by somebody else"):
        asyncio.run(use(theirs))
    assert len(happened) == 1


@pytest.mark.parametrize("words", [ENGLISH, CHINESE])
def test_a_refusal_is_a_sentence_in_the_language_of_the_page(pages, happened, words):
    page = pages[words.language]
    event = next(each for each in page.fns.values() if handler_name(each) == "SettingsTab._empty")
    said = asyncio.run(try_event(page, event, "", caller_with(frozenset(("page", "ask")))))
    assert said == words.not_allowed.format(name="laptop", right="settings")


def test_a_person_is_told_to_ask_an_owner_and_not_for_a_key(pages, happened):
    page = pages["en"]
    event = next(each for each in page.fns.values() if handler_name(each) == "SettingsTab._empty")
    ben = replace(caller_with(frozenset(("page", "ask"))), name="Ben", user="1")
    said = asyncio.run(try_event(page, event, "", ben))
    assert said == "You may not do this, Ben: you lack the right settings. Ask an owner of this house."
