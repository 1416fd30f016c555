"""What somebody corrects becomes training, without forgetting: `examples` reads corrections, `memory` remembers earlier
ones, `study` learns the reader's last layer from them and says what improved, and `Learning` joins them.
"""

from deepseek_mm.learning.examples import REPLACED
from deepseek_mm.learning.learner import LEARN, Learning, Version
from deepseek_mm.learning.study import Score

__all__ = ["LEARN", "REPLACED", "Learning", "Score", "Version"]
