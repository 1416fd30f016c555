"""The reader: a tiny one learns what it is shown, answers the same alone and in company, and says how sure it is."""

import pytest
import torch
from PIL import Image

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.errors import MissingWeights
from deepseek_mm.vision.pipeline import ImageAnalysis
from deepseek_mm.vision.vqa import (
    AnswerCalibration,
    VqaModel,
    family_of,
    fit_calibration,
    read_reader,
    write_reader,
)
from deepseek_mm.vision.vqa_net import (
    PictureBatch,
    QuestionBatch,
    ReaderConfig,
    ReaderNet,
    VqaQuestion,
    read_questions,
)

SMALL = ReaderConfig(channels=12, cells=9, space=8, width=16, heads=2, layers=2, feed=32, dropout=0.0)
ANSWERS = ("yes", "no", "red", "blue")


def shown(photos: int) -> PictureBatch:
    torch.manual_seed(0)
    return PictureBatch(torch.randn(photos, 9, 12), torch.randn(photos, 8), torch.randn(photos, 9, 8))


def asked(questions: int, words: int = 5) -> QuestionBatch:
    torch.manual_seed(1)
    there_QT = torch.arange(words) < torch.randint(2, words + 1, (questions, 1))
    return QuestionBatch(torch.randn(questions, words, 384), there_QT, torch.randn(questions, 3, 8))


def test_it_learns_what_only_the_picture_tells():
    torch.manual_seed(0)
    net, pictures, questions = ReaderNet(len(ANSWERS), SMALL), shown(4), asked(1)
    same = QuestionBatch(
        *(x.expand(4, *x.shape[1:]) for x in (questions.words_QTW, questions.there_QT, questions.vectors_QAD))
    )
    right_Q, photo_Q = torch.tensor([0, 1, 2, 3]), torch.arange(4)
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(120):
        loss = torch.nn.functional.cross_entropy(net(pictures, photo_Q, same), right_Q)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert net(pictures, photo_Q, same).argmax(-1).tolist() == [0, 1, 2, 3]


def test_a_question_is_answered_alike_alone_and_in_company():
    net, pictures, questions = ReaderNet(len(ANSWERS), SMALL).eval(), shown(2), asked(3)
    together = net(pictures, torch.tensor([0, 1, 1]), questions)
    alone = net(pictures, torch.tensor([1]), questions.rows(torch.tensor([2])))
    assert torch.allclose(together[2], alone[0], atol=1e-5)


def test_looks_sum_to_one_and_change_no_answer():
    net, pictures, questions = ReaderNet(len(ANSWERS), SMALL).eval(), shown(2), asked(2)
    read, looked = net.read_with_attention(pictures, torch.tensor([0, 1]), questions)
    assert torch.allclose(looked.sum(dim=-1), torch.ones(2), atol=1e-5)
    assert torch.allclose(net.out(read), net(pictures, torch.tensor([0, 1]), questions), atol=1e-5)


def test_each_layer_looks_by_itself_and_what_it_saw_elsewhere_changes_where():
    net, pictures, questions = ReaderNet(len(ANSWERS), SMALL).eval(), shown(2), asked(2)
    _, by_layer = net.read_by_layer(pictures, torch.tensor([0, 0]), questions)
    assert by_layer.shape == (2, 2, 9)
    assert torch.allclose(by_layer.sum(dim=-1), torch.ones(2, 2), atol=1e-5)
    assert (by_layer[0] - by_layer[1]).abs().max() > 1e-3
    moved = PictureBatch(pictures.cells_BPC.roll(1, 1), pictures.vectors_BD, pictures.grid_BPD.roll(1, 1))
    net.place.data.zero_()  # cells that differ in their place only
    _, still = net.read_by_layer(pictures, torch.tensor([0, 0]), questions)
    _, rolled = net.read_by_layer(moved, torch.tensor([0, 0]), questions)
    assert torch.allclose(rolled, still.roll(1, -1), atol=1e-5)


@pytest.mark.parametrize(
    ("question", "family"),
    [
        ("Is there a dog?", "there"),
        ("does the photo show a cat", "there"),
        ("is there a dog in this picture", "there"),
        ("Is there a zebra?", "closed"),
        ("is the man in the red shirt walking the dog", "closed"),
        ("is the man tall?", "closed"),
        ("is it red or blue?", "open"),
        ("How many dogs?", "count"),
        ("what colour is it", "colour"),
        ("what is he doing?", "open"),
    ],
)
def test_families(question, family):
    assert family_of(question, {"dog", "cat"}) == family


def test_scores_that_are_too_sure_are_toned_down():
    torch.manual_seed(0)
    right_Q = torch.randint(0, 2, (400,))
    said_Q = torch.where(torch.rand(400) < 0.75, right_Q, 1 - right_Q)
    scores_QV = torch.zeros(400, 4)
    scores_QV[torch.arange(400), said_Q] = 9.0  # always sure, and right three times of four
    sure = fit_calibration(["there"] * 400, scores_QV, right_Q, ANSWERS)
    chance_V = sure.chances(torch.tensor([9.0, 0.0, 0.0, 0.0]), "there", ANSWERS)
    assert float(chance_V[0]) == pytest.approx(0.75, abs=0.06)
    assert float(chance_V[2:].sum()) == 0.0


def test_without_weights_it_says_how_to_make_them(tmp_path):
    with pytest.raises(MissingWeights, match="train reader"):
        read_reader(object(), tmp_path / "reader.safetensors")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def reader() -> VqaModel:
    torch.manual_seed(0)
    return VqaModel(DefaultSpace(), ReaderNet(len(ANSWERS), ReaderConfig(layers=1)), ANSWERS, AnswerCalibration({}))


def test_readings_come_in_order_and_a_picture_is_looked_at_once(reader):
    red, blue = (ImageAnalysis(Image.new("RGB", (64, 48), colour)) for colour in ("red", "blue"))
    asked = [("is it red?", red), ("is it red?", blue), ("what is this?", red)]
    together = reader.read_many([(VqaQuestion.of(text), picture) for text, picture in asked])
    alone = [reader.read_many([(VqaQuestion.of(text), ImageAnalysis(picture.image))])[0] for text, picture in asked]
    for one, other in zip(together, alone, strict=True):
        assert one.chances.keys() == other.chances.keys()
        assert max(one.chances.values()) == pytest.approx(max(other.chances.values()), abs=0.02)
    assert set(together[0].chances) <= {"yes", "no"}
    assert together[0].heat_GG.sum() == pytest.approx(1, abs=0.01)


def test_looks_by_layer_are_those_that_the_reading_kept(reader):
    question, picture = VqaQuestion.of("Is it red?"), ImageAnalysis(Image.new("RGB", (64, 48), "red"))
    (reading,) = reader.read_many([(question, picture)])
    told = reader.look_by_layer(question, picture)
    assert told.layers_LGG.shape == (1, 9, 9)
    assert told.count_shared(reading.heat_GG.tolist()) == pytest.approx(1, abs=0.01)


def test_weights_come_back(reader, tmp_path):
    file = tmp_path / "reader.safetensors"
    net = reader.net
    state = net.state_dict()
    write_reader(
        file, state, answers=ANSWERS, sure=AnswerCalibration({"there": (0.5, 0.1)}, frozenset({"dog"})),
        config=net.config, fingerprint=reader.space.fingerprint,
    )  # fmt: skip
    again = read_reader(reader.space, file)
    assert again.sure == AnswerCalibration({"there": (0.5, 0.1)}, frozenset({"dog"}))
    picture = Image.new("RGB", (64, 48), "red")
    before, after = (
        one.read_many([(VqaQuestion.of("is it red?"), ImageAnalysis(picture))])[0] for one in (reader, again)
    )
    assert before.chances.keys() == after.chances.keys()


def test_questions_are_read_alike_alone_and_among_others(reader):
    lines = ["is there a dog?", "what colour is the large car on the street in front of the house?", "why"]
    questions = [VqaQuestion.of(line) for line in lines]
    many, one = read_questions(reader.space, questions), read_questions(reader.space, questions[:1])
    there = one.there_QT[0]
    assert torch.allclose(many.words_QTW[0][there].float(), one.words_QTW[0][there].float(), atol=0.1)
    assert bool((many.there_QT[0] == there).all())


def test_the_same_question_of_the_same_picture_is_read_once_and_anew_by_another_last_layer(reader):
    analysis, rows = ImageAnalysis(Image.new("RGB", (64, 48), "red")), []
    hook = reader.net.layers[0].register_forward_hook(lambda *told: rows.append(len(told[1][0])))
    try:
        asked = [(VqaQuestion.of("Is it red?"), analysis), (VqaQuestion.of("what is this?"), analysis)]
        first = reader.read_many(asked)
        assert reader.read_many([(VqaQuestion.of("is it red?"), analysis), asked[1]]) == first
        assert rows == [2]
        reader.adopt(ANSWERS, torch.zeros_like(reader.net.out.weight), torch.zeros_like(reader.net.out.bias))
        (anew,) = reader.read_many(asked[:1])
        assert rows == [2, 1]
        assert anew.chances["yes"] == pytest.approx(0.5)
    finally:
        hook.remove()
        reader.put_back()
    assert reader.read_many(asked) == first
