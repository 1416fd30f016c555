"""A picture that comes again soon is not looked at again, and looks the same."""

import numpy as np
import pytest
import torch
from fakes import picture

from deepseek_mm.encoders.default import FEW, DefaultSpace
from deepseek_mm.encoders.maps import looks_of, maps_of_many
from deepseek_mm.encoders.recent import Recent, Seen, key_of
from deepseek_mm.encoders.space import Look


@pytest.fixture(scope="module")
def own_space():
    return DefaultSpace()


def key(value: int) -> bytes:
    return key_of(np.full((4, 4, 3), value, np.uint8))


def seen(n: int) -> Seen:
    look = Look(vector_D=np.full(2, n, np.float32), grid_HWD=np.zeros((1, 1, 2), np.float32), tags=())
    return Seen(cells_PC=torch.zeros(1, 2), look=look)


def test_only_the_same_pixels_are_known_again():
    recent, kept = Recent(), seen(1)
    recent.put(key(1), kept)
    assert recent.get(key(1)) is kept
    assert recent.get(key(2)) is None


def test_the_one_longest_unasked_is_forgotten():
    recent = Recent(most=2)
    for n in (1, 2):
        recent.put(key(n), seen(n))
    recent.get(key(1))
    recent.put(key(3), seen(3))
    assert [recent.get(key(n)) is not None for n in (1, 2, 3)] == [True, False, True]


def test_a_question_s_photo_passes_the_tower_once(own_space):
    passes = []
    hook = own_space.model.image_tower.lower.register_forward_hook(lambda *told: passes.append(len(told[1][0])))
    images = [picture("red"), picture("blue")]
    try:
        before = [seen.look.vector_D for seen in own_space.see_many(images)]
        own_space.remember()
        first = [*own_space.see_many(images)]
        again = [*own_space.see_many([images[1], picture("green"), images[0]])]
        many = [*own_space.look_many([picture("red")] * (FEW + 1))]
    finally:
        own_space.recent = None
        hook.remove()
    assert passes == [2, 2, 1, FEW + 1]  # green alone; a folder's pictures are not remembered
    assert [again[2].look, again[0].look] == [one.look for one in first]
    np.testing.assert_array_equal([one.look.vector_D for one in first], before)
    assert len(many) == FEW + 1


def test_what_is_kept_is_what_the_reader_was_trained_on(own_space):
    image = picture("red")
    (kept,) = own_space.see_many([image])
    (cells_PC,) = maps_of_many(own_space.model, [image])
    torch.testing.assert_close(kept.cells_PC, cells_PC)
    (look,) = looks_of(own_space, cells_PC[None].float())
    np.testing.assert_allclose(kept.look.vector_D, look.vector_D, atol=0.01)
