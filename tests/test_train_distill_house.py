"""What the stages of `train distill` share."""

import numpy as np

from deepseek_mm.train.distill.house import kept


def test_what_was_computed_once_is_read_back(tmp_path):
    made = []

    def make():
        made.append(1)
        return np.ones((2, 3), np.float32)

    assert kept(tmp_path / "x.npy", make).tolist() == kept(tmp_path / "x.npy", make).tolist()
    assert len(made) == 1
