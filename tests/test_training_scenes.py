"""Learning scenes on paper: targets, changes that keep a question's meaning, and a run that goes on."""

import json
from argparse import ArgumentParser
from random import Random

import numpy as np
import pytest
import torch

from deepseek_mm.evaluation.scene_painter import make_scene
from deepseek_mm.evaluation.scene_questions import evaluate_scenes
from deepseek_mm.logic.english import program_of
from deepseek_mm.logic.programs import ANSWERS, VALUES, run
from deepseek_mm.training import scenes as trainer
from deepseek_mm.training.loop import RunFolder, read_learned
from deepseek_mm.training.scenes import (
    NUMBERS,
    ScenePictures,
    SceneQuestions,
    compute_finder_loss,
    gather_questions,
    make_solid_target,
    paint_scenes,
)
from deepseek_mm.vision.scene_models import GRID, OUT, USUAL_HALF, SceneFinder, Solids

WORDS = {number: word for word, number in NUMBERS.items()}


@pytest.fixture(scope="module")
def questions():
    words, answers, places, traits, there = gather_questions((0, 0, 30, 16))
    return SceneQuestions(words, answers, np.repeat(np.arange(30, dtype=np.int32), 16), places, traits, there)


def saying(scenes):
    """A map that says exactly what is there."""
    target, told_BGGO = make_solid_target(scenes), torch.full((len(scenes), GRID, GRID, OUT), -12.0)
    rows = zip(target.cells_N3, target.places_N3, target.traits_NT, strict=True)
    for (picture, row, column), (x, y, half), traits in rows:
        cell = told_BGGO[picture, row, column]
        cell[0] = 12
        cell[1], cell[2] = (torch.logit((share * GRID) % 1) for share in (x, y))
        cell[3] = torch.log(half / USUAL_HALF)
        start = 4
        for values, number in zip(VALUES.values(), traits, strict=True):
            cell[start + int(number)] = 12
            start += len(values)
    return told_BGGO, target


def test_a_map_that_says_what_is_there_costs_nothing_and_every_error_costs():
    scenes = [make_scene(Random(n)) for n in range(4)]
    told_BGGO, target = saying(scenes)
    assert float(compute_finder_loss(told_BGGO, target)["loss"]) < 0.01
    for change in (0, 1, 3, 4):
        wrong = told_BGGO.clone()
        wrong[..., change] = -wrong[..., change] + 1
        assert float(compute_finder_loss(wrong, target)["loss"]) > 0.1


def test_a_finder_that_knows_answers_everything_with_programs():
    chance = Random(5)
    scenes = [make_scene(chance) for _ in range(6)]

    class Knowing(torch.nn.Module):
        def forward(self, pixels_BCSS):
            return saying(scenes)[0]

    class Silent:
        def answer_many(self, questions, solids):
            return [("never", 0.0)] * len(questions)

    report = evaluate_scenes(SceneFinder(Knowing()), Silent(), scenes=6, seed=5)
    assert (report.whole.accuracy, report.whole.accuracy_with_programs, report.whole.n) == (0.0, 100.0, 48)
    assert (report.by_program, report.things_found) == (100.0, 100.0)
    assert json.loads(report.json())["by_kind"]["chain"]["n"] == 6
    assert "with programs" in report.table()


def test_changed_questions_mean_what_their_changed_answers_say(questions):
    (words_BW, solids_BNF, there_BN), answer_B = questions.batch(Random(1), 128)
    for words_W, solids_NF, there_N, answer in zip(words_BW, solids_BNF, there_BN, answer_B, strict=True):
        text = " ".join(WORDS[int(number)] for number in words_W if number)
        seen = solids_NF[there_N].numpy()
        scene = Solids(np.ones(len(seen), np.float32), seen[:, :3], seen[:, 3:]).scene
        assert run(program_of(text), scene).answer == ANSWERS[int(answer)], text


def test_every_word_of_every_question_is_known_and_colours_do_change_places(questions):
    assert (questions.words_QW != 0).sum() > 480 * 4
    asked = {tuple(row[row != 0]) for row in questions.words_QW.tolist() for row in [np.array(row)]}
    (words_BW, _, _), _ = questions.batch(Random(2), 256)
    changed = [tuple(row[row != 0].tolist()) for row in words_BW]
    assert sum(one in asked for one in changed) < 0.7 * len(changed)


def test_a_batch_of_pictures_is_in_another_light_and_the_same_for_a_seed():
    scenes, pixels = paint_scenes((0, 0, 3))
    pictures = ScenePictures(scenes, pixels)
    one, other, again = (pictures.batch(Random(seed), 3)[0] for seed in (1, 2, 1))
    assert torch.equal(one, again)
    assert (one - other).abs().mean() > 0.01


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("stage", ["find", "answer"])
def test_a_run_that_was_stopped_equals_an_undisturbed_one(tmp_path, monkeypatch, stage):
    words = ["--stage", stage, "--scenes", "8", "--questions", "8", "--batch", "4", "--steps", "4", "--every", "2"]
    sizes = ["--workers", "1", "--width", "16", "--layers", "1", "--heads", "2"]
    for name in ("whole", "parts"):
        arguments = arguments_of([*words, *sizes, "--out", str(tmp_path / name)])
        if name == "parts":
            monkeypatch.setattr(RunFolder, "log", stopping_at(3, RunFolder.log))
            with pytest.raises(KeyboardInterrupt):
                trainer.run(arguments)
            monkeypatch.undo()
        trainer.run(arguments)
    whole, parts = (read_learned(tmp_path / name / stage) for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert (tmp_path / "whole" / stage / "loss.png").stat().st_size > 1000


def stopping_at(step, log):
    def stop(journal, number, **numbers):
        if number == step:
            raise KeyboardInterrupt
        log(journal, number, **numbers)

    return stop


def arguments_of(words):
    parser = ArgumentParser()
    trainer.add_arguments(parser)
    return parser.parse_args(words)
