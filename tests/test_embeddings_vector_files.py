"""Vectors of texts come out of a file the second time, and are made anew where it cannot be read."""

import numpy as np

from deepseek_mm.embeddings.vector_files import read_or_make_vectors


class Maker:
    """Counts the texts that it reads; a vector is the length of its text."""

    def __init__(self, shift=0.0):
        self.read, self.shift = 0, shift

    def __call__(self, texts):
        self.read += len(texts)
        return np.array([[len(text) + self.shift, 1] for text in texts], np.float32)


def test_the_second_time_vectors_come_out_of_the_file(tmp_path):
    first, second = Maker(), Maker()
    texts = ["a", "bb", "ccc"]
    made = read_or_make_vectors(first, texts, tmp_path, stem="x", made_by=("y",))
    again = read_or_make_vectors(second, texts, tmp_path, stem="x", made_by=("y",))
    assert made.tolist() == again.tolist() == [[1, 1], [2, 1], [3, 1]]
    assert (first.read, second.read) == (5, 2)  # the first and the last tell whether the file fits


def test_other_texts_and_another_engine_have_files_of_their_own(tmp_path):
    read_or_make_vectors(Maker(), ["a", "bb"], tmp_path, stem="x", made_by=())
    assert read_or_make_vectors(Maker(), ["a", "bbb"], tmp_path, stem="x", made_by=()).tolist() == [[1, 1], [3, 1]]
    assert read_or_make_vectors(Maker(0.5), ["a", "bb"], tmp_path, stem="x", made_by=())[0, 0] == 1.5
    assert len(list(tmp_path.iterdir())) == 3


def test_a_damaged_file_is_made_anew(tmp_path):
    read_or_make_vectors(Maker(), ["a", "bb"], tmp_path, stem="x", made_by=())
    (file,) = tmp_path.iterdir()
    file.write_bytes(b"nonsense")
    assert read_or_make_vectors(Maker(), ["a", "bb"], tmp_path, stem="x", made_by=()).tolist() == [[1, 1], [2, 1]]
    assert file.read_bytes() != b"nonsense"
