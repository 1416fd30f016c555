"""What the evidence board says about an answer, and what a click on it shows."""

from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

from deepseek_mm.records import Answer, Check, Citation
from index import Region, Source
from ui.board import Board, foot, why
from ui.exhibits import Exhibit
from ui.words import ENGLISH


def grey(source: Source, page: int) -> Image.Image:
    return Image.new("RGB", (400, 300), (128, 128, 128))


@pytest.fixture
def board() -> Board:
    with gr.Blocks():
        return Board.place(grey, ENGLISH, title="Results", idle="idle", columns=4, offers_like=True)


def exhibit(number: int, kind: str = "part", source_kind: str = "photo") -> Exhibit:
    source = Source(path="/a/kite.jpg", kind=source_kind)
    region = Region(id=number, source=source, kind=kind, box_px=(0, 0, 50, 50), text="hello")
    return Exhibit(citation=Citation(number=number, region=region, score=0.5), caption=f"[{number}] kite")


def test_a_click_shows_the_photo_its_name_and_its_details(board):
    name, photo, details, like, chosen = board.choose((exhibit(1), exhibit(2)), SimpleNamespace(index=1))
    assert "[2] kite" in name.value
    assert photo.visible
    assert "hello" in details.value
    assert like.visible
    assert chosen == 1


def test_a_click_on_a_text_file_shows_its_text_and_no_photo(board):
    _, photo, details, _, _ = board.choose((exhibit(1, "code", "code"),), SimpleNamespace(index=0))
    assert not photo.visible
    assert "hello" in details.value


def test_a_click_beyond_the_board_changes_nothing(board):
    assert board.choose((exhibit(1),), SimpleNamespace(index=1)) == (gr.skip(),) * 5


def test_what_is_only_nearest_is_paler_and_what_is_certain_is_not(board):
    looks = [board.show((exhibit(1),), "text", dim=dim)[board.gallery].elem_classes for dim in (True, False)]
    assert looks == [["thumbs", "dim"], ["thumbs"]]


def test_the_reasons_show_what_was_kept_and_what_was_left_out():
    html = why(
        [
            Check(claim="A dog.", numbers=(1,), kept=True, reason="the label"),
            Check(claim="<b>Loud</b>.", numbers=(), kept=False, reason='no "sound"'),
        ],
        ENGLISH,
    )
    assert html.index('class="kept"') < html.index('class="dropped"')
    assert "&lt;b&gt;Loud&lt;/b&gt;" in html
    assert "<b>" not in html
    assert why((), ENGLISH) == f"<p>{ENGLISH.why_none}</p>"


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (Answer(text="", seconds=1.26, model="smol"), "Answered in 1.3 s - phrased by smol"),
        (Answer(text="", seconds=0.8, state="stopped"), "Stopped after 0.8 s"),
        (Answer(text="", seconds=2, state="failed"), "Not finished: it failed after 2.0 s"),
        (Answer(text="", state="running"), "Answering ..."),
        (Answer(text="", confidence=0.8), "Answered in 0.0 s - 80 % sure"),
        (Answer(text="", model="<script>"), "Answered in 0.0 s - phrased by &lt;script&gt;"),
    ],
)
def test_the_foot_says_how_it_ended_how_long_it_took_and_who_spoke(answer, line):
    assert foot(answer, ENGLISH) == f'<p class="foot">{line}</p>'
