"""What cutting weak links costs: thresholds beside each other."""

import pytest
import torch
from lm_help import decoder

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.language import PrunedReading, PruningReport, evaluate_pruning

CHANCE = torch.Generator().manual_seed(0)
TEXTS = {kind: [torch.randint(0, 512, (60,), generator=CHANCE).tolist()] for kind in ("text", "code")}


def test_more_links_go_with_a_higher_threshold_and_every_kind_and_model_is_read():
    report = evaluate_pruning({"one": decoder(), "other": decoder(seed=1)}, TEXTS, (0.0, 0.1, 0.9))
    assert [(cut.model, cut.kind) for cut in report.cuts[::3]] == [
        ("one", "text"), ("one", "code"), ("other", "text"), ("other", "code"),
    ]  # fmt: skip
    for at in range(0, 12, 3):
        none, some, most = report.cuts[at : at + 3]
        assert 0 == none.dropped < some.dropped < most.dropped < 1
        assert none.perplexity != some.perplexity != most.perplexity


def test_the_table_compares_with_the_same_text_uncut():
    cuts = [
        PrunedReading(model="m", kind="code", threshold=0.0, perplexity=5.0, dropped=0.0, seconds=2.0),
        PrunedReading(model="m", kind="code", threshold=0.1, perplexity=6.0, dropped=0.985, seconds=3.0),
    ]
    report = PruningReport(cuts=tuple(cuts))
    assert report.table().splitlines()[-1].split() == ["m", "code", "0.1", "6.000", "20.00%", "98.5%", "1.50"]
    assert report.figures()["cuts"][1]["dropped"] == 0.985


def test_no_text_is_a_users_error():
    with pytest.raises(NothingThere, match="shorter ones with --lengths"):
        evaluate_pruning({"one": decoder()}, {"text": [], "code": TEXTS["code"]})
