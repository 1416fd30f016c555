"""The part of a photo that a question means, and what the detector says of it."""

import numpy as np
import pytest
from PIL import Image

from deepseek_mm.answering.closer_look import (
    PhotoPart,
    box_of_mask,
    count_dressed,
    detected_odds,
    find_part,
    hinted_odds,
    inside_of,
    part_with_colour,
)
from deepseek_mm.embeddings.space import Share
from deepseek_mm.vision.detector.detector import NAMES, Detection, Detections
from deepseek_mm.vision.pipeline import ImageAnalysis

GREY = Image.new("RGB", (100, 100), "grey")


def box(name: str, share: Share, score: float = 0.8) -> Detection:
    chances_C = np.full(len(NAMES), 0.02, np.float32)
    chances_C[NAMES.index(name)] = score
    return Detection(box=share, chances_C=chances_C)


def found(*boxes: Detection) -> Detections:
    most_C = np.max([each.chances_C for each in boxes], axis=0) if boxes else np.full(len(NAMES), 0.02, np.float32)
    return Detections(boxes=boxes, most_C=most_C)


MAN = box("person", (0.4, 0.2, 0.6, 0.9))
KEYBOARD = box("keyboard", (0.5, 0.6, 0.8, 0.8))


def part_of(text: str, *boxes: Detection) -> Share:
    part = find_part(text, found(*boxes), GREY)
    assert part is not None
    return part.share


def test_what_somebody_wears_on_the_head_is_looked_for_at_the_head() -> None:
    _, top, _, bottom = part_of("what is on his head", MAN)
    assert top < 0.2
    assert bottom < 0.6
    assert part_of("what is on his feet", MAN)[1] > 0.6


def test_a_relation_leads_to_the_side_of_its_thing() -> None:
    left, _, right, _ = part_of("what is standing left of the keyboard", KEYBOARD)
    assert left < 0.2
    assert right < 0.6
    assert part_of("what is next to the keyboard", KEYBOARD)[2] > 0.9


@pytest.mark.parametrize(("text", "middle"), [("what is on the left", 0.225), ("what is on the right", 0.775)])
def test_a_side_needs_no_box(text: str, middle: float) -> None:
    left, _, right, _ = part_of(text)
    assert (left + right) / 2 == pytest.approx(middle)


def test_all_of_the_photo_is_meant_where_no_part_is_named() -> None:
    assert find_part("which sport is this", found(MAN), GREY) is None
    assert find_part("what is on his head", found(KEYBOARD), GREY) is None  # nobody is there


def test_a_coloured_thing_lies_where_the_colour_is() -> None:
    picture = GREY.copy()
    picture.paste((240, 220, 0), (70, 10, 90, 40))
    part = find_part("what is that yellow thing", None, picture)
    assert part is not None
    left, top, right, bottom = part.share
    assert 0.6 < left < right < 1
    assert bottom < 0.5
    assert find_part("what is that green thing", None, picture) is None


def test_the_largest_piece_of_a_mask_counts() -> None:
    mask_SS = np.zeros((10, 10))
    mask_SS[1, 1] = mask_SS[5:8, 4:9] = 1
    assert box_of_mask(mask_SS) == (0.4, 0.5, 0.9, 0.8)


def test_a_part_stays_inside_the_photo_and_is_not_too_narrow() -> None:
    left, top, right, bottom = inside_of((0.95, 0.0, 1.0, 0.02), (-1, -1, 2, 2))
    assert 0 <= left < right <= 1
    assert right - left >= 0.2 - 1e-9
    assert bottom - top >= 0.2 - 1e-9


def test_what_the_detector_sees_speaks_for_its_name_and_against_what_it_misses() -> None:
    zebra, giraffe, violin = detected_odds(["zebra", "giraffe", "violin"], found(box("zebra", (0, 0, 1, 1))), None)
    assert zebra > 1 > 0 > giraffe
    assert violin == 0


def test_only_boxes_in_the_part_count_and_not_the_one_it_rests_on() -> None:
    part = PhotoPart(share=(0.0, 0.4, 0.5, 1.0), rests_on=KEYBOARD)
    bottle, mouse = box("bottle", (0.3, 0.5, 0.4, 0.8)), box("mouse", (0.85, 0.7, 0.95, 0.8))
    of_bottle, of_mouse, of_keyboard = detected_odds(
        ["bottle", "mouse", "keyboard"], found(KEYBOARD, bottle, mouse), part
    )
    assert of_bottle > 0 > of_mouse
    assert of_keyboard < 0


def test_a_bat_hints_at_baseball_and_its_absence_at_nothing() -> None:
    seen, unseen = found(box("baseball bat", (0.1, 0.1, 0.3, 0.3))), found()
    assert hinted_odds(["baseball", "tennis"], seen)[0] > 0
    assert hinted_odds(["baseball"], unseen) == [0.0]


def test_colours_are_measured_on_the_garment_the_thing_or_the_ground() -> None:
    shirt = part_with_colour("his shirt", "what colour is his shirt", found(MAN))
    thing = part_with_colour("the keyboard", "what colour is the keyboard", found(KEYBOARD))
    sky = part_with_colour("the sky", "what colour is the sky", None)
    assert shirt is not None
    assert thing is not None
    assert sky is not None
    assert shirt.share[3] < 0.7
    assert thing.share == KEYBOARD.box
    assert not sky.has_ground
    assert part_with_colour("the violin", "what colour is the violin", found(MAN)) is None


def test_people_are_counted_by_the_colour_of_what_they_wear() -> None:
    picture = Image.new("RGB", (200, 100), "white")
    shares: list[Share] = [(0.1, 0.1, 0.25, 0.9), (0.4, 0.1, 0.55, 0.9), (0.7, 0.1, 0.85, 0.9)]
    for share, colour in zip(shares, ("green", "red", "green"), strict=True):
        left, right = round(share[0] * 200), round(share[2] * 200)
        picture.paste(colour, (left, 18, right, 60))
    analysis = ImageAnalysis(picture)
    assert count_dressed("how many players wear green shirts", analysis) == 0  # nobody has looked for people
    analysis.detections = found(*(box("person", share) for share in shares))
    assert count_dressed("how many players wear green shirts", analysis) == 2
    assert count_dressed("how many men are in red", analysis) == 1
    assert count_dressed("how many men are there", analysis) == 0
