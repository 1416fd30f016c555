"""The packaged tower that reads many languages: its file, its tokenizer and its likeness of translations."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor

from deepseek_mm.embeddings.multilingual import PREFIX, load_multilingual_tower, packed_weights, read_packed, widen
from deepseek_mm.embeddings.towers import TextTower
from deepseek_mm.errors import ConfigError, MissingWeights


@pytest.fixture(scope="module")
def tower() -> TextTower:
    return load_multilingual_tower()


def unit_vectors(tower: TextTower, texts: list[str]) -> Tensor:
    with torch.inference_mode():
        return torch.nn.functional.normalize(tower([PREFIX + text for text in texts])[:, -1], dim=-1)


def test_a_block_of_four_bits_is_widened_by_hand() -> None:
    packed = np.zeros(18, np.uint8)
    packed[:2] = np.frombuffer(np.float16(0.5).tobytes(), np.uint8)
    packed[2] = 0x9F  # first number 15, seventeenth 9
    wide = widen(packed)
    assert wide[0] == (15 - 8) * 0.5
    assert wide[16] == (9 - 8) * 0.5
    assert (wide[1:16] == -4).all()


def test_each_chinese_and_german_sentence_is_nearest_to_its_english_twin(tower: TextTower) -> None:
    english = ["a dog runs on the beach", "a red car in a street", "two children eat pizza", "a bird on a branch"]
    chinese = ["一只狗在沙滩上奔跑", "街上的一辆红色汽车", "两个孩子在吃披萨", "树枝上的一只鸟"]
    german = [
        "ein Hund rennt am Strand",
        "ein rotes Auto auf der Straße",
        "zwei Kinder essen Pizza",
        "ein Vogel auf einem Ast",
    ]
    vectors = unit_vectors(tower, english)
    for others in (chinese, german):
        assert (unit_vectors(tower, others) @ vectors.T).argmax(dim=1).tolist() == [0, 1, 2, 3]


def test_letters_of_full_width_and_runs_of_spaces_read_as_usual_ones(tower: TextTower) -> None:
    assert tower.tokenizer.encode("ＡＢＣ  x") == tower.tokenizer.encode("ABC x")


def test_a_text_reads_the_same_alone_and_beside_a_longer_one(tower: TextTower) -> None:
    alone = unit_vectors(tower, ["a dog"])
    beside = unit_vectors(tower, ["a dog", "a much longer sentence about two cats on a sofa in a house"])[:1]
    assert torch.allclose(alone, beside, atol=1e-5)


def test_pieces_and_their_places_are_those_of_the_package_tokenizers(tower: TextTower) -> None:
    packed, pieces = packed_weights(), tower.tokenizer
    theirs = Tokenizer(models.Unigram(list(zip(packed.pieces, packed.scores, strict=True)), unk_id=3))
    theirs.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    texts = [
        "",
        "a dog's photo",
        "什么颜色",
        "能吃吗",
        "Straßenbahn 2,50 €",
        "😀🦄 hi \ue000\ue001",
        "русский язык",
        "naïve café",
        "x" * 90,
    ]
    for text in (pieces.normalize(text) for text in texts):
        told, found = theirs.encode(text), pieces.split(text)
        assert [(piece.number, (piece.start, piece.end)) for piece in found] == list(
            zip(told.ids, told.offsets, strict=True)
        )


def test_a_long_text_is_cut_and_keeps_its_end_piece(tower: TextTower) -> None:
    ids = tower.tokenizer.encode("word " * 500)
    assert len(ids) == 128
    assert packed_weights().pieces[ids[-1]] == "</s>"


def test_another_file_is_refused_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "e5.bin").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ConfigError, match="make setup"):
        read_packed(tmp_path / "e5.bin")
    with pytest.raises(MissingWeights):
        read_packed(tmp_path / "absent.bin")
