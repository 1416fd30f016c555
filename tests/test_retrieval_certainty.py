"""Is it there at all: the witnesses by hand, and a file that reads back."""

import math

import numpy as np
import pytest

from deepseek_mm.retrieval.certainty import (
    RIVALS,
    Certainty,
    Commons,
    LogisticCurve,
    PresenceTrace,
    read_certainty,
    rivals,
    save_certainty,
    standing_out,
)

DIM = 32
AXES = np.eye(DIM, dtype=np.float32)


def commons(**changes):
    given = {"counts": {"dog": 50, "red": 20}, "num_photos": 100, "direction_D": 0 * AXES[0], "offset": -50.0}
    return Commons(**(given | changes))


def certainty(**changes):
    """Ten background words on the last axes; the other people's photos show nothing but axis 1."""
    given = {
        "commons": commons(),
        "words_WD": AXES[-RIVALS:],
        "photos_PD": np.repeat(AXES[1:2], 5, axis=0),
        "parts_PD": np.repeat(AXES[2:3], 5, axis=0),
        "things": LogisticCurve(weights=(1.0, 2.0, 3.0, 0.0, 0.0, 4.0, 6.0, 5.0), offset=0.0, threshold=0.5),
        "pictures": LogisticCurve(weights=(10.0,), offset=-5.0, threshold=0.5),
    }
    given |= changes
    return Certainty(given.pop("commons"), **given)


def trace(**changes):
    given = {
        "phrase": "dog",
        "vector_D": AXES[0],
        "nearest_kD": AXES[:1],
        "parts_kD": AXES[:0],
        "named": 0,
        "num_photos": 10,
    }
    return PresenceTrace(**(given | changes))


def test_a_word_is_as_common_as_captions_say_it_whatever_its_number():
    assert commons().log_rate("dogs", AXES[0]) == pytest.approx(math.log(0.5))


def test_a_phrase_is_as_rare_as_its_rarest_word_and_rarer_by_the_compound():
    assert commons(compound=0.1).log_rate("red dog", AXES[0]) == pytest.approx(math.log(0.2 * 0.1))


def test_a_word_that_no_caption_says_is_judged_by_where_it_lies_in_the_space():
    told = commons(direction_D=AXES[0], offset=-3.0)
    near, far = told.log_rate("puppy", AXES[0]), told.log_rate("puppy", -AXES[0])
    assert near == pytest.approx(math.log(0.5) - 2.0)  # half of exp(1 - 3)
    assert far == pytest.approx(math.log(0.5) - 4.0)


def test_what_stands_out_is_measured_above_the_words_that_come_nearest():
    pictures = np.stack([AXES[0], AXES[-1]])
    above = rivals(pictures, AXES[1:])
    assert DIM - 1 > RIVALS
    np.testing.assert_allclose(above, [0.0, 1 / RIVALS], atol=1e-6)
    assert standing_out(AXES[0], pictures, above) == pytest.approx((1.0 - 1 / RIVALS) / 2)


def test_the_witnesses_are_expected_more_trusted_named_unfound_and_size():
    rare = certainty(commons=commons(counts={"dog": 10})).witnesses(trace(named=3))
    expected = math.log(0.1 * 10)
    assert rare == pytest.approx((expected, 1.0, expected + 2, 0.0, 0.0, math.log(4), 0.0, math.log(10)))
    unfound, unknown = (certainty().witnesses(trace(phrase=name))[6] for name in ("dog", "violin"))
    assert (unfound, unknown) == (1.0, 0.0)  # the detector knows dogs


def test_parts_stand_out_as_pictures_do_and_say_nothing_where_there_are_none():
    heard = certainty().witnesses(trace(parts_kD=AXES[:1]))
    assert heard[3:5] == (1.0, 3.0)
    assert certainty().witnesses(trace())[3] == 0.0


def test_however_common_a_thing_is_only_a_few_photos_of_it_are_expected():
    assert certainty().witnesses(trace(num_photos=10_000))[0] == 1.0


def test_where_a_thing_is_unheard_of_its_likeness_is_not_trusted():
    assert certainty().witnesses(trace(phrase="zorilla"))[2] == 0.0


def test_a_thing_whose_pictures_are_no_nearer_than_those_of_others_gains_nothing():
    nowhere = certainty(photos_PD=np.repeat(AXES[:1], 5, axis=0)).witnesses(trace())
    assert nowhere[1] == pytest.approx(0.0)


def test_the_probability_is_the_sigmoid_of_the_weighted_witnesses():
    few = LogisticCurve(weights=(0.1, 0.2, 0.3, 0.7, 0.8, 0.4, -0.6, 0.5), offset=-2.0, threshold=0.5)
    total = 0.1 * 1.0 + 0.2 * 1.0 + 0.3 * 3.0 + 0.7 * 0.5 + 0.8 * 1.5 + 0.4 * 0.0 - 0.6 * 1.0 + 0.5 * math.log(10) - 2
    assert certainty(things=few).of_thing(trace(parts_kD=(AXES[:1] + AXES[1:2]) / 2)) == pytest.approx(
        1 / (1 + math.exp(-total))
    )


def test_what_no_label_names_is_less_probable_where_the_photos_have_words():
    labelled, unlabelled = (
        [certainty().of_thing(trace(named=named, told=told)) for told in (0.0, 1.0)] for named in (1, 0)
    )
    assert labelled[0] == labelled[1]
    assert unlabelled[0] > unlabelled[1] > 0


def test_a_scene_is_expected_as_often_as_its_rarest_thing_and_judged_by_its_own_pictures():
    heard = certainty(things=LogisticCurve(weights=(1.0, *[0.0] * 4, 9.0, 9.0, 0.0), offset=0.0, threshold=0.5))
    dog, red = trace(num_photos=2), trace(phrase="red", num_photos=2)
    scene = trace(phrase="a red dog", named=5, num_photos=2)
    rarest = math.log(0.2 * 2)
    assert heard.of_scene(scene, [dog, red]) == pytest.approx(1 / (1 + math.exp(-rarest)))
    assert heard.of_scene(trace(nearest_kD=AXES[:0]), [dog]) == 0.0


def test_a_collection_without_pictures_shows_nothing():
    assert certainty().of_thing(trace(nearest_kD=AXES[:0], num_photos=0)) == 0.0


def test_a_picture_counts_by_the_cosine_of_the_nearest_one():
    assert certainty().of_picture(0.5) == pytest.approx(0.5)
    assert certainty().of_picture(0.9) == pytest.approx(1 / (1 + math.exp(-4)))


def test_what_was_fitted_reads_back_for_its_own_space_only(tmp_path):
    file = tmp_path / "certainty.safetensors"
    save_certainty(file, "mine", certainty())
    again = read_certainty("mine", file=file)
    assert again is not None
    assert again.witnesses(trace(named=2)) == pytest.approx(certainty().witnesses(trace(named=2)), abs=1e-3)
    assert (again.things, again.pictures) == (certainty().things, certainty().pictures)
    assert read_certainty("another", file=file) is None
    assert read_certainty("mine", file=tmp_path / "absent") is None
