"""What the evidence board shows."""

import numpy as np
import pytest
from PIL import Image

from deepseek_mm.errors import NothingThere
from deepseek_mm.records import Answer, Check, Citation
from index import Label, Region, Source
from ui.board import caption, fitted, foot, scored, thumbs, whole, why
from ui.draw import ink
from ui.words import ENGLISH


def citation(number: int, path: str = "/photos/beach.jpg", *, label: str = "dog", **region) -> Citation:
    source = Source(path=path, width_px=400, height_px=300)
    labels = (Label(name=label, score=0.9),) if label else ()
    box = region.pop("box_px", (10, 10, 200, 200))
    return Citation(number=number, region=Region(source=source, box_px=box, labels=labels, **region), score=0.314)


def grey(source: Source) -> Image.Image:
    return Image.new("RGB", (400, 300), (128, 128, 128))


def gone(source: Source) -> Image.Image:
    raise NothingThere(f"no photo at {source.path}")


def has_ink(image: Image.Image, number: int) -> bool:
    return bool(np.all(np.asarray(image) == Image.new("RGB", (1, 1), ink(number)).getpixel((0, 0)), axis=-1).any())


def test_a_caption_has_number_label_and_file():
    assert caption(citation(1), ENGLISH) == "[1] dog - beach.jpg"
    assert caption(citation(2, label=""), ENGLISH) == "[2] beach.jpg"
    assert caption(citation(3, label="", kind="whole"), ENGLISH) == "[3] whole photo - beach.jpg"
    assert scored(citation(1), ENGLISH) == "[1] dog - beach.jpg - 0.31"


def test_a_photo_shows_all_its_own_citations_and_no_others():
    cited = [citation(1), citation(2, box_px=(210, 10, 390, 200)), citation(3, "/photos/other.jpg")]
    shown = whole(grey, cited, 0, ENGLISH)
    assert [has_ink(shown, n) for n in (1, 2, 3)] == [True, True, False]


def test_a_box_fits_a_photo_that_was_reduced_on_the_way():
    source = Source(path="/a.jpg", width_px=4000, height_px=3000)
    assert fitted((1000, 300, 4000, 3000), source, Image.new("RGB", (400, 300))) == (100, 30, 400, 300)
    assert fitted((1, 2, 3, 4), Source(path="/a.jpg"), Image.new("RGB", (400, 300))) == (1, 2, 3, 4)


def test_a_photo_that_is_gone_leaves_a_plate_and_no_error():
    (small,) = thumbs(gone, [citation(1)], ENGLISH)
    assert small.size == whole(gone, [citation(1)], 0, ENGLISH).size == (384, 288)


def test_thumbnails_are_small_and_in_order():
    pictures = thumbs(grey, [citation(2), citation(1)], ENGLISH)
    assert [has_ink(pictures[0], 2), has_ink(pictures[1], 1)] == [True, True]
    assert all(max(p.size) <= 512 for p in pictures)


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
