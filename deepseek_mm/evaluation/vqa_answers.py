"""When is an answer right? The usual normalisation of visual question answering, and what counts for lists of answers.

Answers are compared in one spelling (`rag.program.answers`). One answer, or a few, are matched exactly; ten answers of
ten people give min(n / 3, 1) for an answer that n of them gave.
"""

from collections.abc import Sequence

from deepseek_mm.rag.program.answers import normal

PEOPLE_ASKED = 10
ENOUGH = 3  # people of ten whose answer counts in full


def score_answer(said: str, right: Sequence[str]) -> float:
    """0 to 1: how right an answer is, where these answers are known."""
    same = sum(normal(said) == normal(answer) for answer in right)
    if len(right) == PEOPLE_ASKED:
        return min(1.0, same / ENOUGH)
    return float(same > 0)
