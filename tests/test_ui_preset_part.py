"""Speed and quality in the Settings tab: what is chosen, what is measured, and what the page says of both."""

import gradio as gr
import pytest
from fakes import Parrot
from jobs_help import eventually
from page_caller import ActingAs, services_of
from plan_help import planned_in
from rag_house import build

from deepseek_mm import LOCAL, SettingsFile
from deepseek_mm.runtime.preset_measurement import MEASURE
from ui.preset_part import PresetHandlers, PresetPart, render_measurement
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def house(tmp_path):
    assistant = build(tmp_path / "library", lm=Parrot("A kite [1]."), phrasing="auto")
    yield assistant
    assistant.close()


@pytest.fixture
def presets(house):
    return ActingAs(PresetHandlers(services=services_of(house), words=ENGLISH))


@pytest.fixture
def part(house):
    with gr.Blocks():
        yield PresetPart.place(PresetHandlers(services=services_of(house), words=ENGLISH))


def test_each_preset_says_what_it_costs_here_and_holds_from_the_next_question_on(presets, house, tmp_path):
    assert {says.partition(": ")[2] for says, name in presets.list_choices()} == {ENGLISH.dial_unmeasured}
    house.planned = planned_in(tmp_path / "engines")
    assert presets.list_choices()[0] == ("Fast: 0.11 s an answer here, 70 % of 99 questions right", "fast")
    assert presets.save("fast").text == ENGLISH.set_saved
    assert (house.config.runtime.dial, house.eyes.config.glance, house.planned.plan.dial) == ("fast", False, "fast")
    assert SettingsFile.of(house.config).read().config.runtime.dial == "fast"  # the next start, too
    assert presets.save("fast").text == ENGLISH.set_unchanged


def test_a_preset_that_nobody_knows_is_not_kept(presets, house):
    said = presets.save("warp")
    assert said.wrong
    assert "fast, balanced or best" in said.text
    assert (house.config.runtime.dial, presets.look().preset) == ("balanced", "balanced")


def test_only_engines_that_the_next_start_changes_are_told(presets, house, tmp_path):
    house.planned = planned_in(tmp_path / "engines")
    assert presets.look().next_engines == ""
    chosen = {"image": "openvino-int8", "text": house.planned.plan.text}
    object.__setattr__(house.planned, "chosen", chosen)
    engine = house.planned.plan.image
    assert presets.look().next_engines == f"From the next start on: {engine} computes pictures."


def test_a_measurement_can_be_begun_watched_and_ended(part, house):
    shown = part.show(LOCAL)
    assert ENGLISH.dial_measure in shown[part.measured]
    assert not shown[part.timer].active
    part.handlers.press(LOCAL, "measure")
    (job,) = house.library.jobs.find(kinds=(MEASURE,), limit=9)
    busy = part.show(LOCAL)
    assert busy[part.timer].active
    assert "<progress" in busy[part.measured]
    assert ENGLISH.dial_begins in busy[part.measured]
    part.handlers.press(LOCAL, "measure_stop")
    eventually(lambda: house.library.jobs.get(job.id).state == "cancelled")
    assert ENGLISH.dial_measure in part.show(LOCAL)[part.measured]


def test_how_far_it_is_stands_in_the_language_of_the_page(part, house):
    part.handlers.press(LOCAL, "measure")
    view = part.handlers.look(LOCAL)
    object.__setattr__(view.job, "message", "asking questions at the preset best")
    assert "正在用“最佳”提问" in render_measurement(view, CHINESE)


def test_one_that_broke_off_says_why_and_can_be_begun_again(part):
    part.handlers.press(LOCAL, "measure")
    view = part.handlers.look(LOCAL)
    object.__setattr__(view.job, "state", "failed")
    object.__setattr__(view.job, "message", "the measurement broke off: no photos")
    html = render_measurement(view, ENGLISH)
    assert "no photos" in html
    assert 'data-act="measure"' in html
