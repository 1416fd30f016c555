"""`eval lm` over small models: the words reach the measures, and one object comes out."""

import io
import json

import pytest
import torch
from lm_help import shard
from tiny_lm import save_tiny

from deepseek_mm.__main__ import main
from deepseek_mm.lm.weights import build, read_folder
from deepseek_mm.terminal import Desk
from deepseek_mm.training.corpus.items import DOMAINS
from deepseek_mm.training.corpus.token_shards import TokenDocument, shard_file, write_shard
from deepseek_mm.training.language_model.trainers import add_lora
from deepseek_mm.training.loop import RunFolder


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A model of two layers, a run that changed it, and a corpus of its tokens."""
    monkeypatch.setenv("DEEPSEEK_MM_CACHE", str(tmp_path / "cache"))
    model = save_tiny(tmp_path / "model")
    shape, weights = read_folder(model)
    made = add_lora(build(shape, weights, dtype=torch.float32), names=("qkv",), rank=2)
    RunFolder(tmp_path / "runs" / "reach", {"full": False}).save(
        1, {"trained": {n: p.detach() for n, p in made.items()}}
    )
    for name in DOMAINS:
        for split in ("held", "long_held"):
            documents = [TokenDocument(ids_T=d.ids_T % 300, learn_T=d.learn_T) for d in shard(name, [40, 90, 700])]
            write_shard(shard_file(tmp_path / "corpus", name, split), documents, key="x")
    return tmp_path


def evaluate(house, *words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    common = ("--model", str(house / "model"), "--corpus", str(house / "corpus"))
    code = main(["eval", "lm", *common, *words], Desk(out=out, err=err, environ={}, cwd=house))
    return code, out.getvalue(), err.getvalue()


def test_the_base_and_every_run_are_measured_on_the_same_tokens(house):
    words = ("--run", str(house / "runs" / "reach"), "--untrained", "--rows", "1", "--measure", "domains")
    code, out, err = evaluate(house, *words)
    *table, last = out.splitlines()
    found = json.loads(last)["domains"]
    assert code == 0
    assert list(found["mean"]) == ["base", "untrained", "reach"]
    assert found["mean"]["reach"] == pytest.approx(found["mean"]["untrained"])  # a change of zeros
    assert found["domains_below"] == {}
    assert table[0].split() == ["perplexity", "tokens", "base", "untrained", "reach"]
    assert "measuring domains of base, untrained, reach" in err


@pytest.mark.campaign(times=1, only=True)
def test_long_texts_are_read_by_every_model_and_compared_with_the_first(house):
    words = ("--scales", "1", "2", "--untrained", "--measure", "long", "--lengths", "64", "256", "--texts", "1")
    code, out, _ = evaluate(house, *words, "--json")
    found = json.loads(out)
    assert code == 0
    assert list(found) == ["long base x2", "long untrained"]
    assert found["long untrained"]["tokens"] == 512
    assert len(found["long base x2"]["cells"]) == 4


def test_needles_are_looked_for_and_drawn_where_pictures_go(house):
    words = ("--measure", "needle", "--lengths", "250", "--depths", "0", "1", "--pictures", str(house / "docs"))
    code, out, err = evaluate(house, *words, "--json")
    found = json.loads(out)["needle"]["needles"]
    assert code == 0
    assert [(each["model"], each["depth"]) for each in found] == [("base", 0.0), ("base", 1.0)]
    assert (house / "docs" / "lm_needle.png").stat().st_size > 0
    assert "base: 250 tokens, depth 100%" in err


def test_a_comparison_without_anything_to_compare_is_a_users_error(house):
    code, out, err = evaluate(house, "--measure", "long")
    assert (code, out) == (2, "")
    assert "--run runs/lm/reach" in err


def test_a_corpus_that_was_not_made_is_named_with_the_command_that_makes_it(house):
    code, _, err = evaluate(house, "--measure", "domains", "--corpus", str(house / "nowhere"))
    assert code == 2
    assert "train corpus --out" in err
