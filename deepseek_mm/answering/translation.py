"""Acts in other languages for those who look in English: the same act with an English subject and an English question.

What was understood of a request is the same in every language; only its subject is in foreign words. Those become the
nearest name of the vocabulary in the shared space, where words of all languages lie by their meaning, with a colour in
front if one was said. The question is then asked anew in plain English.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.language.words import plural, with_article
from deepseek_mm.types import Act

LEAST = 0.35  # cosine of a foreign word with a name below which it is not taken for its translation
COLOUR_WORDS = {  # Chinese and German, as they begin or stand in a phrase -> ours
    **{"\u7ea2": "red", "\u84dd": "blue", "\u7eff": "green", "\u9ec4": "yellow", "\u9ed1": "black"},
    **{"\u767d": "white", "\u7070": "grey", "\u7d2b": "purple", "\u7c89": "pink", "\u68d5": "brown"},
    **{"\u6a59": "orange", "\u6a58": "orange", "\u8910": "brown", "\u91d1\u8272": "yellow", "\u94f6\u8272": "grey"},
    **{"rot": "red", "blau": "blue", "gr\u00fcn": "green", "gelb": "yellow", "schwarz": "black", "wei\u00df": "white"},
    **{"grau": "grey", "lila": "purple", "rosa": "pink", "braun": "brown"},
}
PARTICLES = "\u8272\u7684"  # letters that follow a colour: "-coloured", "of"
QUESTIONS = {  # attribute of a look -> the question in English
    **{
        "colour": "what colour is the {one}?",
        "kind": "what kind of {one} is it?",
        "activity": "what is the {one} doing?",
    },
    **{"person": "who is this?", "time": "is it day or night?", "date": "when was this photo taken?"},
    **{"place": "where was this photo taken?", "weather": "what is the weather like?", "season": "which season is it?"},
    **{"material": "what is the {one} made of?", "shape": "what shape is the {one}?", "age": "how old is the {one}?"},
    **{"reason": "why is that so?", "position": "where is the {one}?", "number": "how many {many} are there?"},
    **{"text": "what does it say?", "price": "what is the price?", "file": "what is this photo called?"},
    **{"size": "how big is this photo?"},
}
KINDS = {
    "find": "{one}",
    "count": "how many {many} are there?",
    "locate": "where is the {one}?",
    "read": "what does it say?",
    "describe": "what is in this photo?",
}
NOBODY = "thing"  # what is asked about where nothing is named


class ActTranslator:
    """Finds English names for foreign words."""

    def __init__(
        self, names: Sequence[str], vectors: Callable[[], Floats], embed: Callable[[list[str]], Floats]
    ) -> None:
        """`vectors` gives (L, D) of the names, `embed` (N, D) of texts in any language, all of length 1."""
        self.names, self._vectors, self._embed = list(names), vectors, embed

    def translate(self, act: Act, language: str) -> Act:
        """The act for those who look; one in English, or one that only searches, as it is."""
        if language == "en":
            return act
        subject, other = self.translate_words(act.subject), self.translate_words(act.other)
        asked = replace(act, subject=subject, other=other)
        return replace(asked, text=ask_in_english(asked))

    def translate_words(self, words: str) -> str:
        """The nearest name, behind a colour that is said; the words themselves where nothing is near."""
        colour, bare = split_colour(words)
        if not bare:
            return colour
        likeness_L = self._vectors() @ self._embed([bare])[0]
        best = int(np.argmax(likeness_L))
        name = self.names[best] if likeness_L[best] >= LEAST else bare
        return f"{colour} {name}".strip()


def split_colour(words: str) -> tuple[str, str]:
    """A colour in English and the rest: of a red cap "red" and the cap in its own language."""
    lowered = words.lower()
    for foreign, colour in COLOUR_WORDS.items():
        if foreign.isascii() or foreign[0].islower():
            found = next((word for word in lowered.split() if word.startswith(foreign)), "")
            if found:
                return colour, " ".join(word for word in words.split() if word.lower() != found)
        elif foreign in words:
            rest = words.replace(foreign, "", 1).strip()
            return colour, rest.lstrip(PARTICLES).strip()
    return "", words


def ask_in_english(act: Act) -> str:
    """A plain question that asks the same."""
    one = act.subject or NOBODY
    if act.form == "yes_no" and act.subject:
        return f"is there {with_article(one)}?"
    form = KINDS.get(act.kind) or QUESTIONS.get(act.attribute) or KINDS["describe"]
    return form.format(one=one, many=plural(one))
