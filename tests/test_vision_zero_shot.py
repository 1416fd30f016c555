"""Names compared with a picture: the likeliest is the one that lies nearest, and others' words count."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepseek_mm.embeddings.space import Floats, ImageEmbedding, unit
from deepseek_mm.vision.vocabulary import keep_vectors
from deepseek_mm.vision.zero_shot import Hearsay, NameWeights, ZeroShot, likeliest

AXES = {"a cat": 0, "a dog": 1, "a car": 2}


class AxisSpace:
    """A space in which each phrase has an axis of its own."""

    name, dim, fingerprint = "axes", 4, "f"

    def __init__(self) -> None:
        self.embedded = 0

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        self.embedded += len(texts)
        vectors = np.zeros((len(texts), 4), np.float32)
        for row, text in enumerate(texts):
            vectors[row, AXES.get(text, 3)] = 1
        return vectors


def look_at(*weights: float) -> ImageEmbedding:
    vector_D = unit(np.array([weights], np.float32))[0]
    return ImageEmbedding(vector_D=vector_D, grid_HWD=np.tile(vector_D, (3, 3, 1)))


def zero_shot(**weights: float) -> ZeroShot:
    return ZeroShot(AxisSpace(), weights=NameWeights(**weights))  # type: ignore[arg-type]


def test_the_nearest_name_is_the_likeliest_and_all_sum_to_one() -> None:
    chances_L = zero_shot().choose([*AXES], look_at(0.1, 0.9, 0.1, 0.0), Hearsay())
    assert abs(float(chances_L.sum()) - 1) < 1e-5
    assert next(iter(likeliest([*AXES], chances_L))) == "a dog"


def test_what_the_reader_and_the_labels_say_can_turn_it() -> None:
    look = look_at(0.5, 0.5, 0.5, 0.0)
    read = zero_shot().choose([*AXES], look, Hearsay(read=(0.01, 0.01, 0.9)))
    assert int(read.argmax()) == 2
    labelled = zero_shot(label=3.0).choose([*AXES], look, Hearsay(labelled=(0.0, 1.0, 0.0)))
    assert int(labelled.argmax()) == 1


def test_between_equals_the_more_frequent_name_wins_unless_order_means_nothing() -> None:
    look = look_at(0.5, 0.5, 0.5, 0.0)
    assert int(zero_shot().choose([*AXES], look, Hearsay()).argmax()) == 0
    even = zero_shot().choose([*AXES], look, Hearsay(), ranked=False)
    assert np.allclose(even, 1 / 3, atol=1e-5)


def test_vectors_of_phrases_are_made_once_and_read_from_the_file_then(tmp_path: Path) -> None:
    texts = [f"a thing {n}" for n in range(9)]
    first, again = AxisSpace(), AxisSpace()
    kept = keep_vectors(first.embed_texts, texts, tmp_path, known=("f",))
    assert np.array_equal(keep_vectors(again.embed_texts, texts, tmp_path, known=("f",)), kept)
    assert (first.embedded, again.embedded) == (2 + 9, 2)
