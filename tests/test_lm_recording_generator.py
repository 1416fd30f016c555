"""A model that is listened to: its words pass unchanged, and what it wrote is kept however its listener leaves."""

from threading import Event

from fakes import Parrot
from inspections import WROTE, Mixture

from deepseek_mm.lm.recording_generator import MOST_KEPT, RecordingGenerator
from deepseek_mm.types import Message

ASKED = [Message(role="system", text="Speak."), Message(role="user", text="Is there a kite?")]


def test_every_piece_passes_and_the_prompt_the_words_and_the_experts_are_kept():
    ear = RecordingGenerator(Mixture("Yes, a kite."))
    assert "".join(ear.stream(ASKED, max_tokens=9, stop=Event())) == "Yes, a kite."
    (said,) = ear.utterances
    assert said.prompt == (("system", "Speak."), ("user", "Is there a kite?"))
    assert (said.text, said.trace, ear.traces) == ("Yes, a kite.", WROTE.trace, [WROTE.trace])


def test_a_model_without_experts_leaves_nothing_to_keep():
    ear = RecordingGenerator(Parrot("Yes, a kite."))
    assert "".join(ear.stream(ASKED, max_tokens=9, stop=Event())) == "Yes, a kite."
    assert ear.utterances == []


def test_a_listener_who_leaves_early_keeps_what_was_said_until_then():
    class Faithful(Mixture):
        def stream_traced(self, messages, *, max_tokens, stop, traces):
            try:
                yield from self.stream(messages, max_tokens=max_tokens, stop=stop)
            finally:
                traces.append(WROTE.trace)

    ear = RecordingGenerator(Faithful("Yes, a kite."))
    pieces = ear.stream(ASKED, max_tokens=9, stop=Event())
    assert next(pieces) == "Yes,"
    pieces.close()
    assert [said.text for said in ear.utterances] == ["Yes,"]


def test_a_prompt_that_is_too_long_to_be_kept_with_every_answer_is_left_out():
    ear = RecordingGenerator(Mixture("Yes."))
    list(ear.stream([Message(role="user", text="x" * (MOST_KEPT + 1))], max_tokens=9, stop=Event()))
    assert (ear.utterances[0].prompt, ear.utterances[0].text) == ((), "Yes.")
