"""Yes or no out of a model's first word: how probable "yes" is beside "no", where it is about to say either.

Shape key:  V vocabulary
"""

from typing import Any

from torch import Tensor

YES, NO = ("yes", "Yes", " yes", " Yes"), ("no", "No", " no", " No")
HEARD = 0.2  # probability of yes and no together, below which the model was going to say something else


def chance_of_yes(logits_V: Tensor, tokenizer: Any) -> float | None:
    """The share of "yes" in the probability of "yes" or "no" as the next word; None where neither is likely."""
    yes, no = _beginnings(tokenizer, YES), _beginnings(tokenizer, NO)
    probability_V = logits_V.float().softmax(-1)
    says_yes = float(probability_V[sorted(yes - no)].sum())
    says_no = float(probability_V[sorted(no - yes)].sum())
    return says_yes / (says_yes + says_no) if says_yes + says_no >= HEARD else None


def _beginnings(tokenizer: Any, spellings: tuple[str, ...]) -> set[int]:
    """The first token of each spelling."""
    return {tokenizer(text, add_special_tokens=False)["input_ids"][0] for text in spellings}
