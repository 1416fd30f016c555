"""The sentences that stand for a document, as many as are wanted.

Those nearest to the mean of all (the centroid of Radev et al. 2004), each as unlike the ones before it as possible
(maximal marginal relevance, Carbonell and Goldstein 1998), spread over the document's sections; what was decided,
amounts and dates count more, greetings and who was there less. They are told in the order in which they stand there.

Shape key:  S sentences, D width of the encoder
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from deepseek_mm.answering.documents.question_words import asks, document_words, is_wide, read_count
from deepseek_mm.answering.documents.sections import SectionSentence
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.language.wording import quote_in
from deepseek_mm.language.words import quotable

MOST_ASKED = 20  # points


@dataclass(frozen=True, kw_only=True, slots=True)
class PointWeights:
    """How much speaks for a sentence, in deviations of its nearness to the mean."""

    decided: float = 2.5  # it says what was decided or must be
    figure: float = 1.0  # an amount or a date
    polite: float = -4.0  # a greeting, who was there
    row: float = -3.0  # a row of a table
    section: float = -2.0  # one of its section was chosen already
    unlike: float = 0.4  # how much it loses by its likeness to one that was chosen
    least_chars: int = 30  # of a sentence that can be chosen
    least_wide: int = 10  # the same of Chinese
    most_chars: int = 240
    read: int = 64  # sentences that are compared: of a longer document evenly spread ones


def read_points(text: str) -> int:
    """How many points or sentences are asked for; 0 where it is not said."""
    match = document_words().asks["points"].search(text)
    if match is None:
        return 0
    word = match["en"] or match["zh"]
    return min(MOST_ASKED, read_count(word)) or int(word.lower() in ("a", "ein", "einem", "einen"))


def wants_lines(text: str) -> bool:
    """Whether each point stands in a line of its own."""
    return asks("lines", text)


def choose_sentences(sentences: Sequence[SectionSentence], wanted: int, weights: PointWeights) -> list[SectionSentence]:
    """Those that can be chosen, each once; short ones only where there are not enough, headings never."""
    once = list({each.text: each for each in sentences if each.kind != "heading"}.values())
    whole = [each for each in once if is_long_enough(each, weights)]
    enough = whole if len(whole) >= max(wanted, 1) else once or list(sentences)
    return enough[:: -(-len(enough) // weights.read)] if enough else []


def is_long_enough(sentence: SectionSentence, weights: PointWeights) -> bool:
    """Whether it says enough to stand for others, and not too much."""
    least = weights.least_wide if is_wide(sentence.text) else weights.least_chars
    return least <= len(sentence.text) < weights.most_chars and not sentence.text.endswith(
        (":", "\uff1a", "?", "\uff1f")
    )


def weigh_sentences(sentences: Sequence[SectionSentence], weights: PointWeights) -> Floats:
    """(S,): what each says that counts more or less."""
    patterns = document_words().points
    values = {"decided": weights.decided, "figure": weights.figure, "polite": weights.polite}
    said = [sum(values[n] for n in values if patterns[n].search(each.text)) for each in sentences]
    rows = [weights.row * ("|" in each.text) for each in sentences]
    return np.array(said, np.float32) + np.array(rows, np.float32)


def choose_central(
    vectors_SD: Floats,
    count: int,
    weights: PointWeights,
    *,
    worths_S: Floats | None = None,
    sections: Sequence[str] = (),
) -> list[int]:
    """Numbers of the sentences that stand for all, in their order."""
    mean_D = vectors_SD.mean(axis=0)
    central_S = vectors_SD @ (mean_D / max(float(np.linalg.norm(mean_D)), 1e-6))
    likeness_SS = (vectors_SD - mean_D) @ (vectors_SD - mean_D).T
    spread = float(central_S.std())
    worth_S = central_S if worths_S is None else central_S + spread * worths_S
    chosen = list[int]()
    while len(chosen) < min(count, len(vectors_SD)):
        near_S = likeness_SS[:, chosen].max(axis=1) if chosen else np.zeros(len(vectors_SD), np.float32)
        told = [sections[n] for n in chosen] if sections else []
        again_S = np.array([told.count(section) for section in sections] or 0.0, np.float32)
        left_S = worth_S - weights.unlike * near_S + spread * weights.section * again_S
        left_S[chosen] = -np.inf
        chosen.append(int(left_S.argmax()))
    return sorted(chosen)


def quote_sentence(sentence: SectionSentence, weights: PointWeights, language: str) -> str:
    """On one line, in quotation marks."""
    return quote_in(quotable(sentence.text, weights.most_chars), language)
