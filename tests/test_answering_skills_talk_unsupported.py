"""A refusal names what was asked and what can be done instead; a larger model takes what it can."""

from dataclasses import replace

import pytest
from talk_house import FACTS, case

from deepseek_mm.answering.intents import Intent, read_intents
from deepseek_mm.answering.skills.talk import OF_LARGER_MODELS, answer_unsupported
from deepseek_mm.answering.talk_case import LEFT_TO_MODEL

TOPICS = [name for kind, name in read_intents() if kind == "unsupported"]


def refuse(topic: str | None, **how):
    intent = Intent(kind="unsupported", name=topic, chance=0.9) if topic else None
    return answer_unsupported(intent, case("...", "unsupported", **how))


@pytest.mark.parametrize("locale", ["en", "zh", "de"])
@pytest.mark.parametrize("topic", [*TOPICS, None])
def test_every_topic_is_refused_in_two_sentences_and_points_at_nothing(topic, locale):
    draft = refuse(topic, locale=locale)
    assert draft.refused
    assert (draft.claims, draft.evidence) == ((), ())
    assert draft.chance >= 0.8
    assert len(draft.text.replace("。", ". ").split(". ")) >= 2


def test_the_refusal_names_what_was_asked():
    assert refuse("write").text.startswith("I cannot write poems")
    assert refuse("weather").text.startswith("I cannot tell the weather")
    assert "in one of your photos" in refuse("weather").text
    assert refuse("draw", locale="zh").text.startswith("我不能绘制")


def test_a_larger_model_is_left_what_it_can_do_and_nothing_else():
    larger = replace(FACTS, larger=True)
    left = {topic for topic in TOPICS if refuse(topic, facts=larger).grounds == LEFT_TO_MODEL}
    assert left == OF_LARGER_MODELS
    draft = refuse("write", facts=larger)
    assert (draft.text, draft.claims, draft.refused) == ("", (), False)
    assert refuse("weather", facts=larger).refused
