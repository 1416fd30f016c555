"""Learning to describe: captions as numbers, what is lost and praised, a run that goes on."""

import json
from argparse import ArgumentParser

import numpy as np
import pytest
import torch
from PIL import Image

from deepseek_mm.evaluation.captions import cider, evaluate_captions
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.training import captioner as trainer
from deepseek_mm.training.captioner import CaptionSentences, CiderReward, compute_word_loss, sample_sentences
from deepseek_mm.training.loop import RunFolder, read_checkpoint
from deepseek_mm.vision.captioner import END, PAD, SPECIAL, START, UNKNOWN, Caption, CaptionConfig, CaptionNet

ROWS = [
    CaptionRow(image="a.jpg", captions=("A dog runs .", "The dog runs fast .")),
    CaptionRow(image="b.jpg", captions=("A dog sits .", "A dog")),
    CaptionRow(image="c.jpg", captions=("A dog runs on a hill", "dog")),
]
SIZES = ["--width", "16", "--layers", "1", "--heads", "2", "--feed", "16", "--channels", "8", "--cells", "4"]


def test_words_that_come_seldom_are_unknown_and_captions_are_cut():
    sentences = CaptionSentences.of(ROWS, most=3)
    assert sentences.words == (*SPECIAL, "dog", "a")
    words_NT, owner_N = sentences.batch([2, 1])
    assert words_NT.tolist() == [
        [START, 5, 4, UNKNOWN, END],
        [START, 4, END, PAD, PAD],
        [START, 5, 4, UNKNOWN, END],
        [START, 5, 4, END, PAD],
    ]
    assert owner_N.tolist() == [0, 0, 1, 1]
    assert sentences.spell(words_NT[1]) == ["dog", "<end>"]


def test_the_loss_is_the_surprise_at_words_that_are_there():
    scores_NTV = torch.zeros(2, 3, 6)
    next_NT = torch.tensor([[4, END, PAD], [5, 4, END]])
    assert float(compute_word_loss(scores_NTV, next_NT, smooth=0.0)) == pytest.approx(np.log(6))
    each_N = compute_word_loss(scores_NTV, next_NT, smooth=0.0, each=True)
    assert each_N.tolist() == pytest.approx([2 * np.log(6), 3 * np.log(6)])


def test_praise_is_cider_and_an_ending_is_a_word_of_it():
    praise = CiderReward.of(ROWS)
    said = [["a", "dog", "sits", "<end>"], ["a", "dog", "sits"], ["a", "hill", "<end>"]]
    own, unended, other = praise.score(said, [1, 1, 1]).tolist()
    assert own > unended > other
    ended = [[f"{caption.rstrip(' .')} zzz" for caption in row.captions] for row in ROWS]
    mean = float(praise.score([["a", "dog", "sits", "<end>"]] * 3, [0, 1, 2]).mean())
    assert 1000 * mean == pytest.approx(cider(["a dog sits zzz"] * 3, ended), rel=1e-4)


def test_samples_end_once_and_never_say_what_they_do_not_know():
    torch.manual_seed(0)
    net = CaptionNet(9, CaptionConfig(channels=8, cells=4, width=16, heads=2, layers=1, feed=16, most=6)).eval()
    words_NT = sample_sentences(net, net.cells(torch.randn(20, 4, 8)))
    assert words_NT.shape[1] <= 7
    for row in words_NT.tolist():
        ended = row.index(END) if END in row else len(row)
        assert set(row[ended + 1 :]) <= {PAD}
        assert not {PAD, UNKNOWN} & set(row[1:ended])


@pytest.fixture
def photos(tmp_path, monkeypatch):
    file = tmp_path / "captions.jsonl"
    rows = [{"image": row.image, "captions": row.captions, "split": "train"} for row in ROWS * 2]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    draw = np.random.default_rng(0)
    maps = tuple(draw.integers(-9, 9, (6, 4, 8)).astype(np.int16) + 16256 for _ in range(2))
    monkeypatch.setattr(trainer, "find_pictures", lambda images, names: names)
    monkeypatch.setattr(trainer, "cache_feature_maps", lambda model, paths, folder: maps)
    return ["--data", str(file), "--images", str(tmp_path)]


def arguments_of(words):
    parser = ArgumentParser()
    trainer.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.campaign(times=1, only=True)
def test_a_stopped_run_equals_an_undisturbed_one_in_both_stages_and_is_packed(tmp_path, photos, monkeypatch):
    few = ["--photos", "2", "--samples", "3", "--steps", "4", "--every", "2", *SIZES]
    log = RunFolder.log

    def stop(journal, number, **numbers):
        if number == 3:
            raise KeyboardInterrupt
        log(journal, number, **numbers)

    for stage in ("words", "praise"):
        for name in ("whole", "parts"):
            arguments = arguments_of(["--stage", stage, "--out", str(tmp_path / name), *photos, *few])
            if name == "parts":
                monkeypatch.setattr(RunFolder, "log", stop)
                with pytest.raises(KeyboardInterrupt):
                    trainer.run(arguments)
                monkeypatch.setattr(RunFolder, "log", log)
            trainer.run(arguments)
        whole, parts = (read_checkpoint(tmp_path / name / stage) for name in ("whole", "parts"))
        for kept in ("trained", "average"):
            assert all(torch.equal(value, parts[kept][name]) for name, value in whole[kept].items())
    weights = tmp_path / "captions.safetensors"
    trainer.run(
        arguments_of(["--stage", "pack", "--out", str(tmp_path / "whole"), "--weights", str(weights), *photos, *few])
    )
    assert weights.stat().st_size > 1000
    assert "cider" in (tmp_path / "whole" / "praise" / "log.jsonl").read_text()


def test_captions_are_scored_over_all_photos(tmp_path):
    class Says:
        def describe_many(self, images):
            return (Caption(text="A dog runs", chance=0.5) for _ in images)

    for row in ROWS:
        Image.new("RGB", (4, 4)).save(tmp_path / row.image)
    report = evaluate_captions(Says(), ROWS, tmp_path)
    figures = json.loads(report.json())
    assert figures.keys() == {"bleu4", "cider", "n", "seconds_per_photo"}
    assert figures["n"] == 3
    assert figures["cider"] > 0
    assert "A dog runs" in report.table()
