"""One spelling of an answer, so that answers can be compared.

Case, articles, punctuation and the spelling of numbers make no difference (Antol et al. 2015, section 3).
"""

import re

from deepseek_mm.rag.program.lexicon import NUMBERS

ARTICLES = frozenset(["a", "an", "the"])
SPELLINGS = {"gray": "grey", "colour": "color", "television": "tv", "none": "0", "zero": "0"}


def normalize_answer(answer: str) -> str:
    """One spelling of an answer: "The Two dogs." -> "2 dogs"."""
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", answer.lower().replace("\u2019", "'"))
    words = re.findall(r"\d+(?:\.\d+)?|[^\W_]+(?:'[^\W_]+)?", text)
    spelt = (NUMBERS.get(word) or SPELLINGS.get(word) or word for word in words if word not in ARTICLES)
    return " ".join(spelt)
