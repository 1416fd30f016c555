"""What it costs to keep what a model said: recorded once more, beside the same words that nobody listens to."""

import numpy as np
import pytest
from fakes import Parrot, picture
from rag_house import build

from deepseek_mm.benchmarks import ingestion
from deepseek_mm.benchmarks import inspection as bench
from deepseek_mm.benchmarks.results import BenchSetting
from deepseek_mm.errors import NothingThere
from deepseek_mm.types import Answer, Trace, Utterance

TRACE = Trace(experts=("a", "b"), layers=(1,), top_k=1, visits=("abab",))


class TracedParrot(Parrot):
    """A parrot with experts."""

    def stream_traced(self, messages, *, max_tokens, stop, traces):
        yield from self.stream(messages, max_tokens=max_tokens, stop=stop)
        traces.append(TRACE)


@pytest.fixture
def run(tmp_path, monkeypatch):
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in ("red", "green", "blue"):
        picture(colour).save(photos / f"{colour}.jpg")
    monkeypatch.setattr(ingestion, "BUNDLED", photos)

    def measure(lm):
        monkeypatch.setattr(bench, "load", lambda config, progress: build(config.data, lm=lm))
        return bench.measure_inspection(BenchSetting(folder=tmp_path / "bench", note=lambda line: None)).numbers

    return measure


def test_every_answer_that_a_model_wrote_counts_but_the_first(run):
    told = run(TracedParrot("It is red [1]."))
    assert told["answers"] == 2
    assert 0 < told["inspection_share"] <= told["inspection_most_share"] < 1
    assert told["kept_bytes"] > 100


def test_a_model_without_experts_is_told_at_once(run):
    with pytest.raises(NothingThere, match="no experts"):
        run(Parrot("It is red [1]."))


def test_a_longer_text_takes_longer_to_keep():
    short, long = (
        Answer(text="x", utterances=(Utterance(prompt=(("user", "word " * n),), text="word " * n, trace=TRACE),))
        for n in (1, 20_000)
    )
    assert np.median([bench.measure_recording(short) < bench.measure_recording(long) for _ in range(3)]) == 1
