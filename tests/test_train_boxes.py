"""The whole command on a handful of painted photos: it trains, keeps its maps, writes a head, and the head is read."""

import argparse
import json

import pytest
from fakes import COLOURS, picture
from safetensors import safe_open

from deepseek_mm.embeddings.detection import load_box_head
from deepseek_mm.embeddings.package_files import fingerprint, image_tower_file
from deepseek_mm.train.boxes import add_arguments, run

pytestmark = pytest.mark.slow


def test_the_command_writes_a_head_for_the_packaged_tower_and_plays_the_game(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    rows = []
    for n, colour in enumerate(COLOURS):
        picture(colour, patch="white").save(tmp_path / f"{n}.png")
        picture(colour).save(tmp_path / "empty" / f"{n}.png")
        split = "dev" if n >= 6 else "train"
        rows.append({"image": f"{n}.png", "person_boxes": [[0, 0, 0.5, 0.5]], "split": split})
    (tmp_path / "boxes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--data", tmp_path / "boxes.jsonl", "--images", tmp_path, "--empty", tmp_path / "empty"]
    words += ["--out", tmp_path / "run", "--weights", tmp_path / "regions.safetensors"]
    args = parser.parse_args([str(word) for word in [*words, "--epochs", 2, "--batch", 2, "--nobody", 2, "--views", 2]])
    assert run(args) == 0
    told = capsys.readouterr().err
    assert "6 photos with people and 8 without" in told
    assert "2 photos" in told
    tower = fingerprint((image_tower_file(),))
    assert load_box_head(tmp_path / "regions.safetensors", tower) is not None
    with safe_open(tmp_path / "regions.safetensors", framework="pt") as opened:
        assert json.loads(opened.metadata()["told"]) == {"tower": tower}
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 6
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["log.jsonl", "loss.png", "maps"]
