"""What is lost is counted against the weights as they are, of the same part."""

import json

import numpy as np
import pytest
from fakes import ColourSpace, picture
from lm_help import shard
from test_runtime_quantization_fp4 import held_of

from deepseek_mm.evaluation.quant import QuantReport, QuantScheme, RetrievalJudge, score_decoder
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.lm.shape import tiny
from deepseek_mm.runtime.quantization.lm_files import INT8, open_int8
from deepseek_mm.training.corpus.token_shards import pack_documents

FULL = QuantScheme(name="full", part="towers", bytes=400, share=1.0, scores={"t2i_r10": 71.4, "i2t_r10": 77.0})
EIGHT = QuantScheme(name="towers-int8", part="towers", bytes=100, share=0.25, scores={"t2i_r10": 71.0, "i2t_r10": 77.5})
WORDS = QuantScheme(name="full", part="language", bytes=800, share=1.0, scores={"perplexity": 8.0})
FOUR = QuantScheme(name="lm-fp4", part="language", bytes=112, share=0.14, scores={"perplexity": 8.4})


def test_losses_are_points_of_recall_and_percent_of_perplexity_of_the_own_part():
    report = QuantReport(schemes=(FULL, EIGHT, WORDS, FOUR))
    assert report.against_full(EIGHT) == {"t2i_r10_lost": 0.4, "i2t_r10_lost": -0.5}
    assert report.against_full(FOUR) == {"perplexity_more": pytest.approx(5.0)}
    found = json.loads(report.json())
    assert found["towers towers-int8"]["bytes"] == 100
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


def test_a_decoder_is_scored_by_the_mean_of_its_domains():
    truth, held = held_of(INT8, tiny())
    rows = pack_documents(shard("code", [60] * 4), 64, domain=0)
    scores = score_decoder(open_int8(truth.shape, held), rows, ["code"])
    assert scores["perplexity"] == pytest.approx(scores["code"])
    assert np.isfinite(scores["code"])
