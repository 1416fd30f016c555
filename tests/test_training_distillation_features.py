"""What the stages of `train distill` share."""

import numpy as np

<<<<<<<< HEAD:tests/test_train_distill_house.py
from deepseek_mm.train.distill.house import kept
|||||||| parent of 7a605e0 (training: modules are called what they hold; one feature cache, one moving average, one writer of weights; the alignment's memory bank goes):tests/test_training_distill_house.py
from deepseek_mm.training.distill.house import cache_array

pytestmark = pytest.mark.lab
========
from deepseek_mm.training.distillation.features import cache_array

pytestmark = pytest.mark.lab
>>>>>>>> 7a605e0 (training: modules are called what they hold; one feature cache, one moving average, one writer of weights; the alignment's memory bank goes):tests/test_training_distillation_features.py


def test_what_was_computed_once_is_read_back(tmp_path):
    made = []

    def make():
        made.append(1)
        return np.ones((2, 3), np.float32)

    assert kept(tmp_path / "x.npy", make).tolist() == kept(tmp_path / "x.npy", make).tolist()
    assert len(made) == 1
