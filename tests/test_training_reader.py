"""A reader that begins with an earlier one's weights, and what its calibration is fitted on."""

from types import SimpleNamespace

import torch

from deepseek_mm.training.question_albums import ASKED, CAPTIONED, PRESENCE, AlbumQuestion, QuestionAlbum
from deepseek_mm.training.reader import is_asked_by_people, load_earlier_reader
from deepseek_mm.vision.vqa import AnswerCalibration, write_reader
from deepseek_mm.vision.vqa_net import ReaderConfig, ReaderNet

SMALL = ReaderConfig(channels=8, cells=4, space=6, width=16, heads=2, layers=1, feed=16)
SPACE = SimpleNamespace(fingerprint="f" * 64)


def test_an_answer_keeps_its_weights_when_others_come_before_it(tmp_path):
    old = ReaderNet(2, SMALL)
    file = tmp_path / "reader.safetensors"
    write_reader(
        file,
        old.state_dict(),
        answers=["yes", "dog"],
        sure=AnswerCalibration(told={}),
        config=SMALL,
        fingerprint=SPACE.fingerprint,
    )
    fresh = ReaderNet(3, SMALL).state_dict()
    state = load_earlier_reader(file, SPACE, ["teal", "dog", "yes"], fresh)
    assert torch.allclose(state["out.weight"][[2, 1]], old.out.weight, atol=0.01)  # kept as int8
    assert torch.equal(state["out.weight"][0], fresh["out.weight"][0])
    assert torch.allclose(state["answer"], old.answer, atol=0.01)


def test_only_what_is_asked_as_people_ask_tells_how_sure_it_may_be(tmp_path):
    captioned, asked = (QuestionAlbum(name, tmp_path, ("a.jpg",), ((),)) for name in (CAPTIONED, ASKED))
    there, colour = (
        AlbumQuestion("is there a dog?", "yes", PRESENCE),
        AlbumQuestion("what color is the dog?", "brown", "colour"),
    )
    assert is_asked_by_people(captioned, there, ("dog",))
    assert not is_asked_by_people(captioned, colour, ("dog",))
    assert is_asked_by_people(asked, colour, ("dog",))
    assert is_asked_by_people(asked, there, ("dog",))
    zebra = AlbumQuestion("is there a zebra?", "no", PRESENCE)  # not among the nouns of that family
    assert not is_asked_by_people(asked, zebra, ("dog",))
