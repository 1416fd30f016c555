"""Looking at painted pictures through the space of colours, where kite means red, grass green and sky blue."""

from typing import ClassVar

import numpy as np
import pytest
from fakes import ColourSpace, PaintedDetector, picture

from deepseek_mm.config import SeeConfig
from deepseek_mm.language.parser import ThingPhrase
from deepseek_mm.vision.detector.detector import TILED_PX
from deepseek_mm.vision.ocr import TextBlock
from deepseek_mm.vision.people import PEOPLE
from deepseek_mm.vision.pipeline import (
    ImageAnalysis,
    VisionModels,
    VisionPipeline,
    add_features,
    find_typical,
    is_confused,
    on_image,
)
from deepseek_mm.vision.regions import ScoredWord
from deepseek_mm.vision.vocabulary import Learned
from index import Label, Source


@pytest.fixture
def eyes() -> VisionPipeline:
    return VisionPipeline(ColourSpace(), SeeConfig())


def source(width: int = 400, height: int = 200, path: str = "/photos/a.png") -> Source:
    return Source(path=path, width_px=width, height_px=height)


def test_the_whole_picture_comes_first_and_carries_what_fills_it(eyes):
    (sight,) = eyes.see_many([ImageAnalysis(picture("red"), source())])
    whole = sight.regions[0]
    assert (whole.kind, whole.box_px, whole.label, whole.colours[0]) == ("whole", (0, 0, 400, 200), "kite", "red")


def test_a_thing_in_a_corner_gets_a_box_in_pixels_of_the_original(eyes):
    (sight,) = eyes.see_many([ImageAnalysis(picture("green", size=(80, 40), patch="red"), source())])
    kite = next(region for region in sight.regions if region.label == "kite" and region.kind == "part")
    assert kite.box_px == (0, 0, 200, 100)
    assert kite.colours == ("red",)


def test_every_region_has_a_unit_vector_close_to_its_word(eyes):
    (sight,) = eyes.see_many([ImageAnalysis(picture("green", patch="red"), source())])
    np.testing.assert_allclose(np.linalg.norm(sight.vectors_ND, axis=1), 1, atol=1e-6)
    part = next(n for n, region in enumerate(sight.regions) if region.label == "kite" and region.kind == "part")
    assert sight.vectors_ND[part] @ ColourSpace().embed_texts(["kite"])[0] > 0.95


def test_sights_come_in_the_order_of_the_pictures(eyes):
    pictures = [
        ImageAnalysis(picture(colour), source(path=f"/photos/{colour}.png")) for colour in ("red", "green", "blue")
    ]
    assert [(s.regions[0].source.name, s.regions[0].label) for s in eyes.see_many(pictures)] == [
        ("red.png", "kite"),
        ("green.png", "grass"),
        ("blue.png", "sky"),
    ]


def test_a_thing_that_fills_the_picture_makes_no_part(eyes):
    (sight,) = eyes.see_many([ImageAnalysis(picture("red"), source())])
    assert [region.kind for region in sight.regions] == ["whole"]


def test_no_more_parts_are_made_than_the_setting_allows():
    eyes = VisionPipeline(ColourSpace(), SeeConfig(max_parts=0))
    (sight,) = eyes.see_many([ImageAnalysis(picture("green", patch="red"), source())])
    assert len(sight.regions) == len(sight.vectors_ND) == 1


def test_presence_is_high_for_what_is_there_and_low_for_what_is_not(eyes):
    vectors = ColourSpace().embed_images([picture("red"), picture("green")])
    kite, violin = eyes.presence(["kite", "violin"], vectors).T
    assert kite[0] > 0.9 > 0.1 > kite[1]
    assert violin.max() < 0.5


def test_presence_of_nothing_is_an_empty_table(eyes):
    assert eyes.presence([], ColourSpace().embed_images([picture()])).shape == (1, 0)


def test_a_box_of_the_original_is_scaled_to_the_reduced_picture_and_never_empty():
    reduced = picture(size=(100, 50))
    assert on_image((40, 20, 80, 60), source(400, 200), reduced) == (10, 5, 20, 15)
    assert on_image((0, 0, 1, 1), source(4000, 2000), reduced) == (0, 0, 1, 1)


LEFT, RIGHT = (0.0, 0.5, 0.25, 1.0), (0.5, 0.0, 1.0, 1.0)


def test_what_the_detector_finds_becomes_regions_of_their_own_and_names_the_picture():
    detector = PaintedDetector((LEFT, "person", 0.9), (RIGHT, "person", 0.85), (RIGHT, "clock", 0.06))
    (sight,) = VisionPipeline(ColourSpace(), SeeConfig(), models=VisionModels(detector=detector)).see_many(
        [ImageAnalysis(picture("green"), source())]
    )
    people = [region for region in sight.regions if region.kind == "part" and region.label == "person"]
    assert [region.box_px for region in people] == [(0, 100, 100, 200), (200, 0, 400, 200)]
    named = [label.name for label in sight.regions[0].labels]
    assert "person" in named
    assert "clock" not in named
    assert len(sight.vectors_ND) == len(sight.regions)


def test_words_for_people_are_dropped_where_a_detector_sees_nobody_and_kept_without_one():
    words = [ScoredWord(Label(name=name, score=0.8), None) for name in ("climber", "kite")]
    sharp = VisionPipeline(ColourSpace(), SeeConfig(), models=VisionModels(detector=PaintedDetector()))
    assert [word.label.name for word in sharp._add_found(words, [])] == ["kite"]
    assert VisionPipeline(ColourSpace(), SeeConfig())._add_found(words, []) == words
    assert "climber" in PEOPLE


def test_the_detector_takes_an_animal_that_it_does_not_know_for_another_and_no_thing():
    assert is_confused("bear", "panda")
    assert not is_confused("bear", "bear")
    assert not is_confused("bench", "panda")


@pytest.mark.parametrize(("tiled_px", "looks"), [(1200, [1200, TILED_PX]), (0, [0])])
def test_a_picture_is_looked_at_closer_where_that_shows_more_and_tiles_are_not_switched_off(tiled_px, looks):
    class Noting(PaintedDetector):
        asked: ClassVar[list[int]] = []

        def detect_many(self, images, *, tiled_px=0):
            self.asked.append(tiled_px)
            return super().detect_many(images, tiled_px=tiled_px)

    Noting.asked.clear()
    eyes = VisionPipeline(ColourSpace(), SeeConfig(tiled_px=tiled_px), models=VisionModels(detector=Noting()))
    sight = ImageAnalysis(picture("green", size=(800, 600)))
    eyes.add_detections([sight])
    eyes.add_detections([sight], closer=True)
    assert Noting.asked == looks


def test_labels_of_a_picture_that_is_asked_about_know_its_boxes():
    eyes = VisionPipeline(
        ColourSpace(), SeeConfig(), models=VisionModels(detector=PaintedDetector((LEFT, "dog", 0.95)))
    )
    (sight,) = add_features(eyes.space, [ImageAnalysis(picture("green"))])
    assert "dog" in [label.name for label in eyes.labels(sight)]
    assert eyes.box_chance(sight, "dog") > 0.7 > 0.3 > eyes.box_chance(sight, "toaster")


def test_writing_is_where_signs_are_and_hats_are_on_heads():
    eyes = VisionPipeline(
        ColourSpace(), SeeConfig(), models=VisionModels(detector=PaintedDetector((RIGHT, "person", 0.9)))
    )
    sight = ImageAnalysis(picture("green", size=(100, 100)))
    sight.lines = (TextBlock(text="SALE", box_px=(10, 10, 30, 20), score=0.9),)
    eyes.add_detections([sight])
    (sign,) = find_typical(sight, ThingPhrase("sign", "sign"))
    assert sign.share == pytest.approx((0.07, 0.085, 0.33, 0.215))
    (hat,) = find_typical(sight, ThingPhrase("hat", "hat"))
    assert hat.share == pytest.approx((0.625, 0.0, 0.875, 0.124))
    assert find_typical(sight, ThingPhrase("cup", "cup")) == []


def test_a_learned_word_speaks_for_itself_and_its_text_is_not_asked():
    eyes = VisionPipeline(ColourSpace(), SeeConfig())
    red = ColourSpace().embed_texts(["kite"])
    eyes.learned = Learned(names=("kite",), directions_LD=red * 20, offsets_L=np.full(1, -10, np.float32))
    (sight,) = eyes.see_many([ImageAnalysis(picture("green", patch="red"), source())])
    scores = {label.name: label.score for label in sight.regions[0].labels}
    assert "kite" not in scores  # a quarter of the picture: cosine 0.45 falls short of one half
    (sight,) = eyes.see_many([ImageAnalysis(picture("red"), source())])
    assert sight.regions[0].labels[0].name == "kite"
    assert sight.regions[0].labels[0].score == pytest.approx(1 / (1 + np.exp(-10)), abs=0.01)


def test_words_that_a_user_adds_are_named_like_those_of_the_list():
    plain = VisionPipeline(ColourSpace(), SeeConfig())
    richer = VisionPipeline(ColourSpace(), SeeConfig(), names=("purple", "kite"))
    assert richer.vocabulary.names == (*plain.vocabulary.names, "purple")
    (sight,) = richer.see_many([ImageAnalysis(picture("purple"), source())])
    assert sight.regions[0].label == "purple"
