"""The tower and the table of words that read code."""

import numpy as np
import pytest
import torch
from code_help import ToySide

from deepseek_mm.embeddings import code
from deepseek_mm.embeddings.code import CodeReader, WordTable, beside, load_code_side, once
from deepseek_mm.errors import MissingWeights


def test_a_piece_counts_where_it_comes_first_and_padding_never():
    ids, mask = torch.tensor([[5, 6, 5, 7, 0], [1, 1, 1, 2, 3]]), torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
    assert once(ids, mask).tolist() == [[1, 1, 0, 1, 0], [1, 0, 0, 1, 1]]


def test_the_table_is_the_weighted_mean_of_its_pieces_and_questions_weigh_them_otherwise():
    table = WordTable(4, width=2)
    with torch.no_grad():
        table.vectors.weight.copy_(torch.tensor([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0], [5.0, 5.0]]))
        table.told[1] = np.log(3)
    ids, mask = torch.tensor([[1, 2, 1, 0]]), torch.tensor([[1, 1, 1, 0]])
    np.testing.assert_allclose(table(ids, mask, asks=False).detach(), [[3 / 10**0.5, 1 / 10**0.5]], rtol=1e-5)
    np.testing.assert_allclose(table(ids, mask, asks=True).detach(), [[0.5**0.5, 0.5**0.5]], rtol=1e-5)


def test_the_cosine_of_both_is_the_weighted_mean_of_the_cosines():
    tower, table = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    vectors = beside(tower, table, torch.tensor(0.75))
    assert float(vectors[0] @ vectors[1]) == pytest.approx(0.75 * 0.6 + 0.25 * 0.0)
    np.testing.assert_allclose(vectors.norm(dim=1), 1, rtol=1e-6)


def test_the_tower_is_opened_once_and_only_when_something_is_read(monkeypatch):
    opened = []
    monkeypatch.setattr(code, "load_code_side", lambda weights: opened.append(weights) or ToySide().eval())
    reader = CodeReader()
    assert reader.read([], asks=True).shape == (0, 512)
    assert opened == []
    texts = ["open a file", "add", "def add two numbers"]
    vectors = reader.read(texts, asks=False)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(reader.read(texts[::-1], asks=False), vectors[::-1], atol=1e-2)
    assert len(opened) == 1


def test_weights_that_are_not_there_say_how_to_make_them(tmp_path):
    with pytest.raises(MissingWeights, match="train code"):
        load_code_side(tmp_path / "none.safetensors")


def test_who_reads_code_is_known_by_its_weights(tmp_path):
    files = [tmp_path / name for name in ("a", "b")]
    for file in files:
        file.write_bytes(file.name.encode())
    first, second = (CodeReader(file).fingerprint for file in files)
    assert first != second
    assert first == CodeReader(files[0]).fingerprint


def test_the_shipped_tower_finds_code_by_what_it_does():
    reader = CodeReader()
    codes = ["def add(a, b):\nreturn a + b", "with open(path) as file:\nreturn file.read()", "items.sort(key=len)"]
    asked = reader.read(["Sum of two numbers.", "Read a text file.", "Order a list by length."], asks=True)
    cosines = asked @ reader.read(codes, asks=False).T
    assert cosines.argmax(axis=1).tolist() == [0, 1, 2]
