"""What somebody corrects becomes training, without forgetting: `examples` reads corrections, `fit` learns the reader's
last layer from them beside a `reservoir` of what was learned before and an `anchor` at the shipped weights; `outcome`
says what improved and what was forgotten, `versions` keeps every version, and `Learning` joins them.
"""

from deepseek_mm.learning.learner import LEARN, Learning, Version
from deepseek_mm.learning.study import Score

__all__ = ["LEARN", "Learning", "Score", "Version"]
