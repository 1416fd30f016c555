"""A wish in the Code tab on paper: what is one, what is shown of it, and what its buttons do."""

import time
from dataclasses import replace

import gradio as gr
import pytest
from edit_house import FILES, FIX, FIXED, edit_house

from deepseek_mm import LOCAL, EditCheck, EditStep, asks_for_change, strip_mark
from deepseek_mm.answering.code_edits.records import CheckName, CodeEdit, EditState, StepTool, Verdict
from deepseek_mm.services.code_edit_service import NO_MODEL
from deepseek_mm.services.services import Services
from ui.ask.code_edits_part import CHECKS, STATES, TOOLS, VERDICTS, CodeEditsPart, render_edit
from ui.words import CHINESE, ENGLISH

ME, OTHER = "m" * 43, "o" * 43


@pytest.fixture(autouse=True)
def _nothing_runs_in_the_sandbox(monkeypatch):
    monkeypatch.setattr("deepseek_mm.services.code_edit_service.explain_no_tests", lambda *parts: "not wanted here")
    monkeypatch.setattr("deepseek_mm.answering.code_edits.checks.find_ruff", lambda: "")


def part_of(house) -> CodeEditsPart:
    services = Services(**dict.fromkeys(Services.__slots__) | {"edits": house.service})
    with gr.Blocks():
        return CodeEditsPart.place(services, ENGLISH)


def html_of(part, updates) -> str:
    return updates[part.html].value


def waited(part, updates, kept=ME):
    """What stands there when the model is done; the timer says that somebody has to look."""
    until_s = time.monotonic() + 10
    while updates[part.timer].active and time.monotonic() < until_s:
        time.sleep(0.02)
        updates = part.show(LOCAL, updates[part.shown], kept)
    return updates


def test_a_wish_is_worked_on_shown_applied_and_undone_by_its_own_browser_only(tmp_path):
    with edit_house(tmp_path, *FIX) as (house, server):
        part = part_of(house)
        assert part.is_wish(LOCAL, "fix the bug in parse_line")
        assert "coder-7b can change code" in html_of(part, part.show(LOCAL, "", ME))
        begun = part.begin(LOCAL, "change: fix the bug in parse_line", ME, "page")
        assert begun[part.timer].active
        done = waited(part, begun)
        html, token = html_of(part, done), done[part.shown]
        assert '<span class="gone">-    return name, amount\n</span>' in html
        assert f'<span class="added">+{FIXED}</span>' in html
        assert ENGLISH.edits_states[STATES.index("proposed")] in html
        assert 'data-act="edit_apply"' in html
        assert "not tested: not wanted here" in html
        assert house.read() == FILES["shop/parse.py"]
        stranger = part.press(LOCAL, "edit_apply", token, token, OTHER)
        assert 'role="alert"' in html_of(part, stranger)
        assert house.read() == FILES["shop/parse.py"]
        applied = part.press(LOCAL, "edit_apply", token, token, ME)
        assert 'data-act="edit_undo"' in html_of(part, applied)
        assert FIXED in house.read()
        assert ENGLISH.edits_states[-1] in html_of(part, part.press(LOCAL, "edit_undo", token, token, ME))
        assert house.read() == FILES["shop/parse.py"]
        closed = html_of(part, part.press(LOCAL, "edit_close", token, token, ME))
        assert "Earlier changes (1)" in closed
        assert "Earlier changes" not in html_of(part, part.press(LOCAL, "edit_stop", token, "", ME))


def test_without_a_larger_model_a_wish_is_a_question_and_the_next_step_is_told(tmp_path):
    with edit_house(tmp_path, *FIX) as (house, server):
        house.configure(lm=replace(house.assistant.config.lm, url="", name="deepseek-mm"))
        part = part_of(house)
        assert not part.is_wish(LOCAL, "fix the bug in parse_line")
        assert "Choose a server under Settings" in html_of(part, part.tell_lack(LOCAL, "fix the bug in parse_line"))
        assert part.tell_lack(LOCAL, "who calls parse_line?") == {}
        assert part.is_wish(LOCAL, "change: fix it")
        assert "Choose a server under Settings" in html_of(part, part.begin(LOCAL, "change: fix it", ME, "page"))
        assert CHINESE.say(NO_MODEL) != NO_MODEL


def test_what_a_model_or_a_file_says_stays_text_on_the_page():
    bad = "<img src=x onerror=alert(1)>"
    edit = CodeEdit(
        id="a1", owner="", request=bad, state="proposed", model=bad, text=bad, diff=f"+{bad}\n", message=bad,
        steps=(EditStep(tool="read", about=bad, said=bad, refused=True),),
        checks=(EditCheck(name="tests", verdict="bad", words=bad),),
    )  # fmt: skip
    assert "<img" not in render_edit(edit, ENGLISH)
    assert "<img" not in render_edit(edit, CHINESE)


def test_every_state_tool_check_and_verdict_has_words_in_both_languages():
    for names, values in ((STATES, EditState), (TOOLS, StepTool), (CHECKS, CheckName), (VERDICTS, Verdict)):
        assert set(names) == set(values.__args__)
    for words in (ENGLISH, CHINESE):
        found = (words.edits_states, words.edits_tools, words.edits_names, words.edits_verdicts)
        assert [len(each) for each in found] == [len(STATES), len(TOOLS), len(CHECKS), len(VERDICTS)]


@pytest.mark.parametrize(
    "text",
    [
        "fix the bug in parse_line", "Please add a parameter to load", "can you rename total to sum?",
        "/edit tidy this", "change: who calls load", "refactor shop/orders.py", "make it faster",
        "\u4fee\u590d parse_line \u91cc\u7684\u9519\u8bef",
        "\u4fee\u6539\uff1aparse_line", "write a function that rounds money",
    ],
)  # fmt: skip
def test_a_wish_for_a_change_is_told_from_a_question(text):
    assert asks_for_change(text)


@pytest.mark.parametrize(
    "text",
    [
        "who calls load?", "how do I change the pause?", "write a test for total", "what changed in load?", "fix",
        "where is the fix for this defined", "explain replace", "", "which functions add numbers", "changes of today",
    ],
)  # fmt: skip
def test_a_question_about_code_is_no_wish(text):
    assert not asks_for_change(text)


def test_the_mark_of_a_wish_is_no_part_of_it():
    assert strip_mark("change: rename a") == "rename a"
    assert strip_mark("rename a: b") == "rename a: b"
