"""What is lost is counted against the weights as they are, of the same part."""

import json

import numpy as np
import pytest
from fakes import COLOURS, ColourSpace, picture
from lm_help import shard
from test_runtime_quantization_fp4 import held_of

from deepseek_mm.evaluation.quant import (
    ProcessCost,
    QuantReport,
    QuantScheme,
    RetrievalJudge,
    compare_recalls,
    score_decoder,
)
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.lm.shape import tiny
from deepseek_mm.runtime.quantization.lm_files import INT8, open_int8
from deepseek_mm.training.corpus.token_shards import pack_documents

FULL = QuantScheme(name="full", part="towers", bytes=400, share=1.0, scores={"t2i_r10": 71.4, "i2t_r10": 77.0})
EIGHT = QuantScheme(
    name="towers-int8", part="towers", bytes=100, share=0.25, scores={"t2i_r10": 71.0, "i2t_r10": 77.5},
    apart=ProcessCost(peak_mb=80.0, open_s=1.0, work_ms=9.0),
)  # fmt: skip
WORDS = QuantScheme(name="full", part="language", bytes=800, share=1.0, scores={"perplexity": 8.0})
FOUR = QuantScheme(name="lm-fp4", part="language", bytes=112, share=0.14, scores={"perplexity": 8.4})


def test_losses_are_points_of_recall_and_percent_of_perplexity_of_the_own_part():
    report = QuantReport(schemes=(FULL, EIGHT, WORDS, FOUR))
    assert report.against_full(EIGHT) == {"t2i_r10_lost": 0.4, "i2t_r10_lost": -0.5}
    assert report.against_full(FOUR) == {"perplexity_more": pytest.approx(5.0)}
    found = json.loads(report.json())
    assert found["towers towers-int8"]["apart"]["peak_mb"] == 80
    assert found["language lm-fp4"]["perplexity_more"] == pytest.approx(5.0)
    assert len(report.table().splitlines()) == 5


def test_a_judge_compares_vectors_with_those_of_the_first_space(tmp_path):
    rows = [CaptionRow(image=f"{name}.png", captions=(name,)) for name in ("red", "green")]
    for name in ("red", "green"):
        picture(name).save(tmp_path / f"{name}.png")
    judge = RetrievalJudge(rows, tmp_path)

    class Turned(ColourSpace):
        """Its pictures are those of another space."""

        def embed_images(self, images):
            return -super().embed_images(images)

    first = judge.scores(ColourSpace())
    assert (first["t2i_r1"], first["photos_alike"]) == (100.0, pytest.approx(1.0))
    turned = judge.scores(Turned())
    assert turned["photos_alike"] == pytest.approx(-1.0)
    assert turned["captions_alike"] == pytest.approx(1.0)


def test_what_one_scheme_wins_over_another_has_the_error_of_the_photos_differences():
    before, now = np.array([1.0, 0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.5, 1.0])
    found = compare_recalls((now, before), (before, before), "int8")
    assert found["t2i_r10_over_int8"] == 12.5
    assert found["t2i_r10_over_int8_se"] == pytest.approx(12.5)  # 0, 50, 0, 0 points: 25 over the root of 4
    assert (found["i2t_r10_over_int8"], found["i2t_r10_over_int8_se"]) == (0, 0)


def test_a_judge_tells_what_is_won_over_a_scheme_that_it_scored_before(tmp_path):
    names = [*COLOURS][:3]
    rows = [CaptionRow(image=f"{name}.png", captions=(name, name)) for name in names]
    for name in names:
        picture(name).save(tmp_path / f"{name}.png")
    judge = RetrievalJudge(rows, tmp_path)
    assert "t2i_r10_over_first" not in judge.scores(ColourSpace(), "now", beside="first")
    assert judge.scores(ColourSpace(), "first", beside="now")["t2i_r10_over_now"] == 0


def test_a_decoder_is_scored_by_the_mean_of_its_domains():
    truth, held = held_of(INT8, tiny())
    rows = pack_documents(shard("code", [60] * 4), 64, domain=0)
    scores = score_decoder(open_int8(truth.shape, held), rows, ["code"])
    assert scores["perplexity"] == pytest.approx(scores["code"])
    assert np.isfinite(scores["code"])
