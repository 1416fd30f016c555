"""Which passage carries the words of a question, and which of its sentences does: what is quoted first.

Vectors tell what a passage is about. Thirty pages of one book are all about the same; a name that stands on one of
them tells them apart. So a word counts the more, the fewer of the passages have it (Spärck Jones 1972).
"""

import math
import re
from collections.abc import Mapping, Sequence

from deepseek_mm.rag.program.words import content
from index import Region

SENTENCE = re.compile(r"(?<=[.!?])[\"')]*\s+|(?<=[\u3002\uff01\uff1f])")
ENOUGH = 100  # letters, from which a quotation can stand alone
LEAST_WORDS = 2  # of a question, before a sentence that has them all is taken for its answer


def weigh(question: str, texts: Sequence[str]) -> dict[str, float]:
    """Each word of the question that claims something and that any of these texts has, with its weight among them."""
    had = [set(content(text)) for text in texts]
    counts = {word: sum(word in words for words in had) for word in content(question)}
    return {word: math.log1p(len(had) / count) for word, count in counts.items() if count}


def share(text: str, weights: Mapping[str, float]) -> float:
    """How much of the weight this text carries, 0 to 1."""
    words, whole = set(content(text)), sum(weights.values())
    return sum(weight for word, weight in weights.items() if word in words) / whole if whole else 0.0


def worth(passage: Region, weights: Mapping[str, float]) -> float:
    """The same of a passage, half of it for what stands together in one sentence."""
    return (share(passage.text, weights) + max((share(part, weights) for part in pieces(passage)), default=0.0)) / 2


def pieces(passage: Region) -> list[str]:
    """Its sentences, each on one line; of code, its lines."""
    lines = passage.text.splitlines() if passage.kind == "code" else SENTENCE.split(re.sub(r"\s+", " ", passage.text))
    return [line.strip() for line in lines if line.strip()]


def excerpt(passage: Region, question: str, most: int) -> str:
    """The sentence that carries most of the question's words, and what follows while that is short: `most` letters.

    The passage from its beginning, where all of it fits or no sentence has any of the words.
    """
    parts = pieces(passage)
    weights = weigh(question, parts)
    shares = [share(part, weights) for part in parts]
    if len(passage.text) <= most or not any(shares):
        return passage.text
    first = max(range(len(parts)), key=shares.__getitem__)
    chosen = parts[first]
    for part in parts[first + 1 :]:
        if len(chosen) >= ENOUGH or len(chosen) + 1 + len(part) > most:
            break
        chosen += f" {part}"
    return chosen


def answers(passage: Region, question: str) -> bool:
    """Has one sentence every word of the question that claims something, and are those more than one?"""
    words = set(content(question))
    return len(words) >= LEAST_WORDS and any(words <= set(content(part)) for part in pieces(passage))
