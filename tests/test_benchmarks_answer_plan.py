"""What a plan saves: sums worked by hand, turns that are fair, and houses in which only equal answers count."""

import pytest
import torch
from fakes import Parrot, picture
from rag_house import build

from deepseek_mm.benchmarks import answer as bench
from deepseek_mm.benchmarks import answer as dial_bench
from deepseek_mm.benchmarks.answer import (
    LatencyPair,
    compute_in_fp32,
    report_pairs,
    time_ask,
    time_asks,
    time_in_turns,
)
from deepseek_mm.embeddings.inference import autocast_bf16, to_autocast_dtype
from deepseek_mm.errors import NothingThere
from deepseek_mm.types import Picture, Question

pytestmark = pytest.mark.campaign(times=1, only=True)


@pytest.fixture
def houses(tmp_path):
    opened = [build(tmp_path / name, lm=Parrot(words)) for name, words in (("a", "It is red [1]."), ("b", "Red."))]
    yield opened
    for house in opened:
        house.close()


def test_a_quarter_of_the_time_is_three_quarters_saved():
    result = report_pairs(
        [
            LatencyPair(name="ask", says="an ask", chosen_ms=25, eager_ms=100),
            LatencyPair(name="text", says="t", chosen_ms=3, eager_ms=6),
        ],
        questions=4,
        words={"plan": "so"},
    )
    assert result.numbers == {
        "questions": 4, "latency_saved": 0.75, "ask_ms": 25, "ask_eager_ms": 100,
        "latency_saved_text": 0.5, "text_ms": 3, "text_eager_ms": 6,
    }  # fmt: skip
    assert (result.lines[0].value, result.lines[0].bar) == ("0.75 saved", "0.60")


def test_both_sides_take_turns_and_the_median_of_each_counts():
    order = []

    def side(name, values):
        return lambda: (order.append(name), next(values))[1]

    pair = time_in_turns("x", "x", side("own", iter([1, 9, 2])), side("its", iter([8, 8, 80])), rounds=3)
    assert order == ["own", "its"] * 3
    assert (pair.chosen_ms, pair.eager_ms) == (2, 8)


def test_the_eager_side_alone_computes_in_full():
    seen = []
    time_in_turns("x", "x", *[lambda: seen.append(dtype_of_quick()) or 1.0] * 2, rounds=1)
    assert seen[1] is torch.float32
    assert dtype_of_quick() is seen[0]
    with compute_in_fp32():
        assert to_autocast_dtype(torch.ones(2).bfloat16()).dtype is torch.float32


def dtype_of_quick():
    with autocast_bf16():
        return torch.ones(2, 2).mm(torch.ones(2, 2)).dtype


def paint(folder, *colours):
    paths = [folder / f"{colour}.png" for colour in colours]
    for path, colour in zip(paths, colours, strict=True):
        picture(colour).save(path)
    return paths


def test_an_ask_counts_where_both_houses_say_as_many_words(houses, tmp_path):
    image = picture("red")
    text = "what is in this photo?"
    assert time_ask(houses[0], Picture(image=image), text)[1] == len(
        houses[0].ask(Question(text=text, image=image)).text.split()
    )
    (pair, mean), count = time_asks(houses[0], houses[0], paint(tmp_path, "red", "blue"))
    assert (pair.name, count) == ("ask", 2)
    assert pair.chosen_ms > 0
    assert mean.name == "ask_mean"


def test_the_median_and_the_mean_of_the_same_asks_are_told(houses, tmp_path, monkeypatch):
    took = iter([(9.0, 1), (9.0, 1), *((own, 5) for own in (1.0, 10.0, 2.0, 20.0, 30.0, 300.0))])  # two to warm up
    monkeypatch.setattr(bench, "time_ask", lambda house, image, text: next(took))
    (middle, mean), count = time_asks(houses[0], houses[1], paint(tmp_path, "red") * 3)
    assert (middle.chosen_ms, middle.eager_ms, count) == (2.0, 20.0, 3)
    assert (mean.chosen_ms, mean.eager_ms) == (11.0, 110.0)


def test_answers_of_other_lengths_are_left_out_and_none_left_is_said(houses, tmp_path, monkeypatch):
    lengths = iter(range(20))
    monkeypatch.setattr(bench, "time_ask", lambda house, image, text: (1.0, next(lengths)))
    with pytest.raises(NothingThere, match="same length"):
        time_asks(houses[0], houses[1], paint(tmp_path, "red"))


def test_each_step_of_the_dial_is_asked_the_same_and_gets_seconds_and_a_score(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    picture("red", patch="blue").save(photos / "a.jpg")
    row = '{"image": "a.jpg", "thing": "kite", "boxes": [[0, 0, 1, 1]]}\n'
    (tmp_path / "pointing.jsonl").write_text(row)
    asked = []

    def load(config, progress):
        asked.append(config.runtime.dial)
        return build(config.data, lm=Parrot("It is red [1]."))

    steps = dial_bench.measure_dial(build_config(tmp_path), load, note=lambda line: None, examples=tmp_path)
    assert asked == [step.name for step in steps] == ["fast", "balanced", "best"]
    assert all(step.questions == 3 and step.seconds > 0 and 0 <= step.score <= 100 for step in steps)


def build_config(folder):
    from deepseek_mm.config import Config

    return Config(data=folder / "library")
