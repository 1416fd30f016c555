"""Looking at painted pictures through the space of colours, where kite means red, grass green and sky blue."""

import numpy as np
import pytest
from fakes import ColourSpace, picture

from deepseek_mm.config import SeeConfig
from deepseek_mm.embeddings.space import DetectedObject, ImageEmbedding
from deepseek_mm.vision.people import PEOPLE
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline, match_people, on_image
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


class Crowded(ColourSpace):
    """A space of colours whose tower finds people: one box for each of `boxes`."""

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes = boxes

    def look_many(self, images):
        for look in super().look_many(images):
            things = tuple(DetectedObject(name="person", score=0.9, box=box) for box in self.boxes)
            yield ImageEmbedding(vector_D=look.vector_D, grid_HWD=look.grid_HWD, things=things)


def test_people_that_the_tower_finds_become_regions_of_their_own():
    eyes = VisionPipeline(Crowded((0.0, 0.5, 0.25, 1.0), (0.5, 0.0, 1.0, 1.0)), SeeConfig())
    (sight,) = eyes.see_many([ImageAnalysis(picture("green"), source())])
    people = [region for region in sight.regions if region.kind == "part" and region.label == "person"]
    assert [region.box_px for region in people] == [(0, 100, 100, 200), (200, 0, 400, 200)]
    assert "person" in [label.name for label in sight.regions[0].labels]
    assert len(sight.vectors_ND) == len(sight.regions)


def test_words_for_people_are_dropped_where_the_finder_sees_nobody_and_kept_without_a_finder():
    words = [ScoredWord(Label(name=name, score=0.8), None) for name in ("climber", "kite")]
    nobody, unknown = (ImageEmbedding(vector_D=np.ones(2), grid_HWD=np.ones((1, 1, 2)), things=t) for t in ((), None))
    assert [word.label.name for word in match_people(words, nobody)] == ["kite"]
    eyes = VisionPipeline(ColourSpace(), SeeConfig(), names=("climber",))
    assert not PEOPLE.isdisjoint(eyes.vocabulary.names)
    assert unknown.things is None


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
