"""When is an answer right? The usual normalisation of visual question answering, and what counts for lists of answers.

Case, articles, punctuation and the spelling of numbers make no difference (Antol et al. 2015, section 3). One answer,
or a few, are matched exactly; ten answers of ten people give min(n / 3, 1) for an answer that n of them gave.
"""

import re
from collections.abc import Sequence

from deepseek_mm.rag.program.lexicon import NUMBERS

ARTICLES = frozenset(["a", "an", "the"])
SPELLINGS = {"gray": "grey", "colour": "color", "television": "tv", "none": "0", "zero": "0"}
PEOPLE_ASKED = 10
ENOUGH = 3  # people of ten whose answer counts in full


def normal(answer: str) -> str:
    """One spelling of an answer: "The Two dogs." -> "2 dogs"."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", answer.lower().replace("\u2019", "'"))
    words = re.findall(r"\d+(?:\.\d+)?|[^\W_]+(?:'[^\W_]+)?", text)
    spelt = (NUMBERS.get(word) or SPELLINGS.get(word) or word for word in words if word not in ARTICLES)
    return " ".join(spelt)


def credit(said: str, right: Sequence[str]) -> float:
    """0 to 1: how right an answer is, where these answers are known."""
    same = sum(normal(said) == normal(answer) for answer in right)
    if len(right) == PEOPLE_ASKED:
        return min(1.0, same / ENOUGH)
    return float(same > 0)
