"""What is remembered: a sample that fits, in which the newest word about a question counts."""

import torch

from deepseek_mm.learning.memory import Corrections, ReaderRows, ReplayMemory


def asked(numbers: list[int], answer: int = 0) -> Corrections:
    count = len(numbers)
    rows = ReaderRows.of(
        torch.tensor(numbers).float()[:, None].expand(count, 3).contiguous(), torch.full((count,), answer)
    )
    return Corrections(rows=rows, closed_N=torch.zeros(count, dtype=torch.bool), asks_N=torch.tensor(numbers))


def held(count: int) -> torch.Tensor:
    return torch.arange(count) % 4 == 0


def test_everything_that_fits_is_kept_and_comes_back_from_the_file():
    told = ReplayMemory.nothing(3).with_more(asked([1, 2, 3, 4]), held(4), size=10)
    again = ReplayMemory.of({name: value.clone() for name, value in told.tensors().items()})
    assert again.asked.asks_N.tolist() == [1, 2, 3, 4]
    assert again.held_N.tolist() == [True, False, False, False]
    assert torch.equal(again.asked.rows.x_NW, told.asked.rows.x_NW)


def test_a_question_that_is_corrected_anew_takes_the_place_of_the_one_before():
    told = ReplayMemory.nothing(3).with_more(asked([1, 2]), held(2), size=10)
    told = told.with_more(asked([2], answer=5), held(1), size=10)
    assert dict(zip(told.asked.asks_N.tolist(), told.asked.rows.right_N.tolist(), strict=True)) == {1: 0, 2: 5}


def test_more_than_fits_is_a_sample_of_all_that_came():
    told = ReplayMemory.nothing(3)
    for start in range(0, 100, 10):
        told = told.with_more(asked(list(range(start, start + 10))), held(10), size=20)
    kept = told.asked.asks_N.tolist()
    assert (len(kept), told.seen, len(set(kept))) == (20, 100, 20)
    assert any(number < 50 for number in kept)
    assert any(number >= 50 for number in kept)
