"""What is shipped in `weights/`: small, described, and of one piece."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.edge import files_of_edge
from deepseek_mm.lm.model_folders import EDGE_FOLDER
from deepseek_mm.vision.vocabulary import read_calibration, read_learned

WEIGHTS = Path(__file__).parent.parent / "deepseek_mm" / "weights"
FILES = sorted(WEIGHTS.glob("*.safetensors"))
JSONS = ("caption_gate.json", "certainty.json", "confidence.json", "presence.json", "search.json")


def test_every_file_is_described_in_the_card_and_nothing_else_lies_there():
    card = (WEIGHTS / "CARD.md").read_text()
    assert {"code", "lm", "boxes", "names", "space", "vocabulary"} <= {file.stem for file in FILES}
    assert all(name in card for name in (*JSONS, *(file.name for file in FILES)))
    others = {"CARD.md", "NOTICE.detector.txt", "NOTICE.faces.txt", *JSONS, EDGE_FOLDER.name}
    assert {path.name for path in WEIGHTS.iterdir()} == others | {file.name for file in FILES}


def test_the_card_names_data_command_scores_and_licence():
    card = (WEIGHTS / "CARD.md").read_text()
    for heading in ("## Data", "## Recipe", "## Scores", "## Licence", "## Limits"):
        assert heading in card
    for trainer in (
        "align",
        "code",
        "boxes",
        "names",
        "lm",
        "reader",
        "caption",
        "kind",
        "gate",
        "notice",
        "box-reader",
        "presence",
        "see",
        "scenes",
        "continual",
        "languages",
        "detector",
        "faces",
        "distill",
        "reading",
    ):
        assert f"python -m deepseek_mm train {trainer}" in card


def test_every_part_keeps_to_its_megabytes():
    assert sum(file.stat().st_size for file in files_of_edge()) < 60e6
    sizes = {file.stem: file.stat().st_size for file in FILES if file not in files_of_edge()}
    assert sizes.pop("lm") + sizes.pop("glance") < 25e6
    assert sizes.pop("reader") + sizes.pop("captions") < 15e6
    assert sizes.pop("code") < 25e6
    assert sizes.pop("languages") + sizes.pop("language_layers") < 14e6
    assert sizes.pop("replay") < 1.5e6
    assert sizes.pop("detector") + sizes.pop("box_reader") < 10e6
    assert sizes.pop("face_finder") + sizes.pop("face_identity") < 10e6
    assert sizes.pop("intents") < 2.5e6
    assert sizes.pop("requests") + sizes.pop("request_heads") < 14e6
    assert sizes.pop("passage_reader") < 30e6
    assert sum(sizes.values()) < 30e6


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_tensor_is_wider_than_sixteen_bits_and_all_are_finite(file):
    with safe_open(file, framework="pt") as opened:
        for name in opened.keys():  # noqa: SIM118
            tensor = opened.get_tensor(name)
            narrow = tensor.dtype in (torch.bfloat16, torch.float16, torch.int8)
            assert narrow or (file.stem == "edge" and tensor.dim() == 1)  # norms of a packaged tower, which stay exact
            assert tensor.float().isfinite().all()


def test_the_words_were_calibrated_and_learned_in_the_very_space_that_is_shipped():
    space = DefaultSpace()
    assert read_calibration(space) is not None
    assert read_learned(space) is not None
