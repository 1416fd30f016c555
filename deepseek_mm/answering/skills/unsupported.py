"""What nothing here can do: one sentence says so, one says what can be done instead. No file is pointed at.

A larger language model can do some of it. Where one is set, it is left to it, by a draft with these grounds.
"""

from deepseek_mm.answering.intents import Intent
from deepseek_mm.answering.talk_case import LEFT_TO_MODEL, TalkCase
from deepseek_mm.language.wording import say
from deepseek_mm.language.words import join_sentences
from deepseek_mm.types import Draft

OF_LARGER_MODELS = frozenset(["write", "joke", "knowledge", "translate", "maths", "advice", "program"])
INSTEAD = {  # topic -> key of what can be done instead
    **{"weather": "instead_weather", "time": "instead_time", "translate": "instead_read", "send": "instead_export"},
    **{"draw": "instead_find", "internet": "instead_find"},
}
REFUSAL_CHANCE, GUESS_CHANCE = 0.95, 0.8  # that refusing is right, where the topic was recognised and where not


def answer_unsupported(intent: Intent | None, case: TalkCase) -> Draft:
    """A refusal that names what was asked, or a draft that leaves it to the model."""
    topic = intent.name if intent else "other"
    if case.facts.larger and (intent is None or topic in OF_LARGER_MODELS):
        return Draft(chance=GUESS_CHANCE, grounds=LEFT_TO_MODEL)
    instead = INSTEAD.get(topic, "instead")
    text = join_sentences(say(f"unsupported.{part}", case.locale) for part in (topic, instead))
    chance = REFUSAL_CHANCE if intent else GUESS_CHANCE
    return Draft(text=text, chance=chance, refused=True)
