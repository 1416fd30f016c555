"""`eval` and `train`: the words reach the right function, and the scores come out as promised."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import ColourSpace, Parrot, picture
from paper import rows
from rag_house import build

from deepseek_mm.__main__ import main
from deepseek_mm.terminal import Desk

ROOT = Path(__file__).parent.parent
SCORES = ["t2i_r1", "t2i_r5", "t2i_r10", "i2t_r1", "i2t_r5", "i2t_r10", "images", "captions"]


@pytest.fixture
def examples(tmp_path):
    """Three photos with captions that name their colours; one of them belongs to another split."""
    rows = []
    for colour, split in (("red", "dev"), ("green", "dev"), ("blue", "train")):
        picture(colour).save(tmp_path / f"{colour}.png")
        rows.append({"image": f"{colour}.png", "captions": [f"a {colour} thing", colour], "split": split})
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def evaluate(folder: Path, *words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    lm, space = Parrot("I see a dog [1]."), ColourSpace()
    desk = Desk(out=out, err=err, open_space=lambda _: space, open_lm=lambda *_: lm, environ={}, cwd=folder)
    return main(["eval", *words], desk), out.getvalue(), err.getvalue()


def score(folder: Path, *words: str) -> tuple[int, str, str]:
    return evaluate(folder, "retrieval", "--data", str(folder / "rows.jsonl"), "--images", str(folder), *words)


def test_a_table_for_people_is_followed_by_one_json_object_as_the_last_line(examples):
    code, out, _ = score(examples)
    *table, last = out.splitlines()
    assert code == 0
    assert "text to image" in "\n".join(table)
    assert list(json.loads(last)) == SCORES
    assert json.loads(last) == dict.fromkeys(SCORES[:6], 100.0) | {"images": 3, "captions": 6}


def test_json_alone_is_one_line_and_a_split_leaves_the_others_out(examples):
    code, out, err = score(examples, "--json", "--split", "dev")
    assert code == 0
    assert (json.loads(out)["images"], json.loads(out)["captions"]) == (2, 4)
    assert "2 photos and 4 captions" in err


def test_distractors_are_other_pictures_of_the_folder_and_of_those_that_are_named(examples, monkeypatch):
    monkeypatch.setenv("DEEPSEEK_MM_CACHE", str(examples / "cache"))
    (examples / "more").mkdir()
    picture("red").save(examples / "more" / "red.png")
    code, out, err = score(examples, "--split", "dev", "--distractors", "2", "--others", str(examples / "more"))
    told = json.loads(out.splitlines()[-1])
    assert (code, told["distractors"], told["images"]) == (0, 2, 2)
    assert (told["t2i_r1"], told["distractors_t2i_r1"], told["distractors_t2i_r5"]) == (100.0, 50.0, 100.0)
    assert "looked at 2 of 2 other photos" in err
    code, _, err = score(examples, "--split", "dev", "--distractors", "2")
    assert (code, "--distractors 1" in err) == (2, True)


def test_a_split_that_no_row_has_is_a_user_error(examples):
    code, out, err = score(examples, "--split", "tset")
    assert (code, out) == (2, "")
    assert "'tset'" in err


def test_the_pointing_game_ends_with_its_three_numbers(examples):
    boxes = {"image": "red.png", "person_boxes": [[0.4, 0.4, 0.6, 0.6]]}
    (examples / "boxes.jsonl").write_text(json.dumps(boxes))
    words = ("regions", "--data", str(examples / "boxes.jsonl"), "--images", str(examples))
    code, out, err = evaluate(examples, *words)
    assert code == 0
    assert json.loads(out.splitlines()[-1]) == {"pointing": 100.0, "centre_baseline": 100.0, "n": 1}
    assert "1 photos" in err
    assert evaluate(examples, *words, "--json")[1] == out.splitlines()[-1] + "\n"


def test_a_sheet_of_regions_is_drawn_into_the_file_named(examples):
    sheet = examples / "sheet.png"
    code, out, _ = evaluate(examples, "regions", "--sheet", str(sheet), "--images", str(examples))
    assert (code, out) == (0, f"drew 3 photos into {sheet}\n")
    assert sheet.stat().st_size > 0


@pytest.mark.parametrize(
    ("words", "flag"),
    [(("retrieval",), "--data"), (("regions",), "--data"), (("regions", "--sheet", "s.png"), "--images")],
)
def test_a_flag_that_is_left_out_is_named(examples, words, flag):
    code, out, err = evaluate(examples, *words)
    assert (code, out) == (2, "")
    assert f"{flag} is missing" in err


def test_answers_are_scored_in_the_way_that_is_named_without_any_photo(tmp_path):
    shown = [{"image": r.image, "captions": list(r.captions), "split": "dev"} for r in rows()]
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, shown)))
    words = ("answers", "--data", str(tmp_path / "captions.jsonl"), "--way", "read", "--every", "20", "--json")
    code, out, err = evaluate(tmp_path, *words)
    assert code == 0
    scores = json.loads(out)
    assert list(scores) == ["read"]
    assert (scores["read"]["n"], scores["read"]["model"]) == (10, "parrot")
    assert "asking parrot 10 questions" in err


def test_a_trainer_is_described_by_itself_and_an_unknown_one_is_refused(capsys):
    command = [sys.executable, "-m", "deepseek_mm", "train"]
    known = subprocess.run([*command, "align", "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert known.returncode == 0, known.stderr
    assert known.stdout.startswith("usage: python -m deepseek_mm train align")
    assert known.stdout.splitlines()[-1].startswith("  python -m deepseek_mm train align --data ")
    with pytest.raises(SystemExit, match="2"):
        main(["train", "dance"])
    assert "dance" in capsys.readouterr().err


@pytest.fixture
def questions(examples):
    """Two questions about each photo; the kite is red in the house's space."""
    rows = [
        {"image": f"{colour}.png", "question": f"Is there a {thing}?", "answer": answer, "kind": kind, "split": "dev"}
        for colour, thing, answer, kind in (
            ("red", "kite", "yes", "there"),
            ("red", "sky", ["no"], "not there"),
            ("blue", "sky", "yes", "there"),
            ("blue", "kite", "no", "not there"),
        )
    ]
    (examples / "qa.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return examples


def test_questions_about_photos_are_settled_by_the_assistant_and_scored_by_kind(questions):
    out, opened = io.StringIO(), []

    def load(config, progress):
        opened.append(config)
        return build(config.data / "x")

    desk = Desk(out=out, err=io.StringIO(), load=load, environ={}, cwd=questions)
    words = ["eval", "vqa", "--data", str(questions / "qa.jsonl"), "--images", str(questions), "--blind"]
    assert main(words, desk) == 0
    *table, last = out.getvalue().splitlines()
    told = json.loads(last)
    assert (told["accuracy"], told["n"], set(told["by_kind"])) == (100.0, 4, {"there", "not there"})
    assert {"majority", "ece", "coverage", "seconds_per_question"} <= told.keys()
    assert told["blind"]["accuracy"] < 100
    assert any("blind" in line for line in table)
    assert opened[0].lm.name == "none"
    assert not opened[0].data.exists()  # it was made for this, and nobody's library was opened


def test_the_pointing_game_with_answers_asks_the_assistant_and_ends_with_its_numbers(questions):
    boxes = [{"image": "red.png", "thing": "kite", "boxes": [[0, 0, 1, 1]]}]
    boxes += [{"image": "blue.png", "thing": "kite", "boxes": [[0, 0, 1, 1]]}]
    (questions / "things.jsonl").write_text("\n".join(map(json.dumps, boxes)))
    out, err = io.StringIO(), io.StringIO()
    desk = Desk(out=out, err=err, load=lambda config, _: build(config.data / "x"), environ={}, cwd=questions)
    words = ["eval", "pointing", "--data", str(questions / "things.jsonl"), "--images", str(questions)]
    assert main(words, desk) == 0
    *table, last = out.getvalue().splitlines()
    told = json.loads(last)
    assert {"pointing", "error", "centre_baseline", "overlap", "where", "there", "n"} <= told.keys()
    assert (told["pointing"], told["denied"], told["n"]) == (50, 50, 4)  # no kite is blue
    assert table[0].startswith("blue.png: Where is the kite? ")
    assert "2 things in 2 photos" in err.getvalue()


def test_presence_without_enough_photos_is_a_user_error(examples):
    words = ("presence", "--data", str(examples / "rows.jsonl"), "--images", str(examples))
    code, _, err = evaluate(examples, *words)
    assert code == 2
    assert "captions of more photos" in err
