"""A model that sees, beside `generate` of transformers itself; and what happens when it is stopped, left or breaks."""

import math
import threading
import time
from functools import partial

import pytest
import torch
from engine_help import together
from fakes import picture
from tiny_vlm import LONGEST, Leans, Recites, deepseek, qwen, smol, tiny_vlm

from deepseek_mm.errors import BadQuestion, ModelFailed
from deepseek_mm.lm.backends.transformers_model import LocalModel
from deepseek_mm.lm.backends.vision_language_model import VisionLanguageModel
from deepseek_mm.lm.generator import YesNoModel
from deepseek_mm.types import Message

RED, GREEN = (picture(colour, patch="black") for colour in ("red", "green"))
MAKES = (smol, qwen, deepseek)
WATCHED = ("pixel_values", "input_ids")


def ask(*images, text: str = "a black dog?"):
    return (Message(role="system", text="two cups"), Message(role="user", text=text, images=images))


def seer(make=smol, *, head=None, **options) -> VisionLanguageModel:
    model, processor = tiny_vlm(make)
    if head is not None:
        model.lm_head = head
    return VisionLanguageModel(model, processor, name="tiny", fingerprint="0", **options)


def answer(generator, messages=None, *, max_tokens=20) -> str:
    return "".join(generator.stream(messages or ask(RED), max_tokens=max_tokens, stop=threading.Event()))


def reference(make, image, *, max_tokens=20) -> str:
    """What transformers itself says, greedily."""
    model, processor = tiny_vlm(make)
    turns = [
        {"role": "system", "content": [{"type": "text", "text": "two cups"}]},
        {"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": "a black dog?"}]},
    ]
    inputs = processor.apply_chat_template(
        turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    said = model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False)[0, inputs["input_ids"].shape[1] :]
    return processor.tokenizer.decode(said, skip_special_tokens=True)


def paused(seconds: float = 0.01) -> Recites:
    """Says "a" for long, slowly."""
    return Recites("a" * 500, pause=lambda: time.sleep(seconds))


def idle(generator: VisionLanguageModel) -> None:
    """Waits until its worker has nothing to do."""
    generator._worker.submit(int).result()


@pytest.mark.parametrize("make", MAKES)
def test_the_answer_is_the_one_that_generate_gives_and_another_picture_gets_another(make):
    generator = seer(make)
    said = answer(generator)
    assert said.rstrip("\ufffd") == reference(make, RED).rstrip("\ufffd")
    assert answer(generator, ask(GREEN)) != said != answer(generator, ask(RED, GREEN))


def test_it_sees_and_can_be_a_witness_as_a_model_without_eyes_cannot():
    assert seer().sees
    assert isinstance(seer(), YesNoModel)
    assert not isinstance(LocalModel, YesNoModel)


def test_a_checkpoint_that_likes_to_throw_dice_gives_the_best_answer_all_the_same(caplog):
    model, processor = tiny_vlm()
    model.generation_config.update(do_sample=True, temperature=1.9, top_p=0.99, top_k=200)
    generator = VisionLanguageModel(model, processor, name="tiny", fingerprint="0")
    assert {answer(generator) for _ in range(3)} == {answer(seer())}
    assert caplog.text == ""


def test_pieces_come_as_they_are_made_and_no_piece_splits_a_character():
    text = "Zwölf Küsse 日本 🎉👩‍👩‍👧 done"
    pieces = list(seer(head=Recites(text)).stream(ask(RED), max_tokens=200, stop=threading.Event()))
    assert "".join(pieces) == text
    assert len(pieces) > 20


def test_the_first_piece_is_there_before_the_last_is_made():
    head = paused()
    pieces = seer(head=head).stream(ask(RED), max_tokens=40, stop=threading.Event())
    next(pieces)
    assert head.said < 20
    assert len(list(pieces)) == 39


def test_no_more_tokens_are_made_than_were_asked_for_and_the_end_mark_is_not_shown():
    head = Recites("a" * 50)
    assert answer(seer(head=head), max_tokens=7) == "a" * 7
    assert head.said == 7
    assert answer(seer(head=Recites("a dog")), max_tokens=50) == "a dog"


def test_a_stop_is_heard_before_two_more_tokens_are_made():
    head, stop = paused(), threading.Event()
    generator = seer(head=head)
    pieces = generator.stream(ask(RED), max_tokens=400, stop=stop)
    next(pieces)
    stop.set()
    made = head.said
    assert list(pieces) == []
    idle(generator)
    assert head.said <= made + 1


def test_nothing_is_computed_when_it_is_stopped_before_it_begins():
    head, stop = Recites("a"), threading.Event()
    stop.set()
    generator = seer(head=head)
    assert list(generator.stream(ask(RED), max_tokens=5, stop=stop)) == []
    idle(generator)
    assert head.said == 0


def test_a_stop_is_heard_while_it_waits_for_another_answer_to_end():
    generator, stop = seer(head=paused()), threading.Event()
    first = generator.stream(ask(RED), max_tokens=30, stop=threading.Event())
    next(first)
    threading.Timer(0.02, stop.set).start()
    assert list(generator.stream(ask(GREEN), max_tokens=5, stop=stop)) == []
    assert len(list(first)) == 29


def test_an_answer_that_nobody_hears_any_more_ends():
    head = paused()
    generator = seer(head=head)
    pieces = generator.stream(ask(RED), max_tokens=400, stop=threading.Event())
    next(pieces)
    pieces.close()
    made = head.said
    idle(generator)
    assert head.said <= made + 1


@pytest.mark.parametrize("make", MAKES)
def test_answers_at_the_same_time_are_the_answers_one_by_one(make):
    generator = seer(make)
    questions = [ask(image, text=text) for image in (RED, GREEN) for text in ("dog", "two cups [2]")]
    alone = [answer(generator, question) for question in questions]
    assert together([partial(answer, generator, question) for question in questions]) == alone
    assert len(set(alone)) == len(alone)


def test_a_prompt_that_leaves_no_room_for_the_answer_is_refused_with_the_numbers():
    head = Recites("a")
    with pytest.raises(BadQuestion, match=rf"has \d+ tokens; tiny reads {LONGEST}, an answer of 60 .* rag.num_regions"):
        answer(seer(head=head), ask(RED, text="x" * LONGEST), max_tokens=60)
    assert head.said == 0


def test_a_model_that_breaks_is_named_with_a_next_step_and_answers_the_next_question():
    def trip() -> None:
        if head.said == 2:
            head.said = 0
            raise ZeroDivisionError("no such tile\nat all")

    head = Recites("a dog", pause=trip)
    generator = seer(head=head)
    with pytest.raises(ModelFailed, match=r"tiny broke .* ZeroDivisionError: no such tile\. .*--vlm$"):
        answer(generator)
    head.pause = lambda: None
    assert answer(generator) == "a dog"


def test_yes_or_no_is_heard_in_the_first_word():
    assert seer(head=Leans({"Yes": 3.0, "No": 2.0})).chance_of_yes("Is there a dog?", RED) == pytest.approx(
        1 / (1 + math.exp(-1))
    )
    assert seer(head=Leans({"dog": 9.0, "No": 2.0})).chance_of_yes("Is there a dog?", RED) is None


def test_a_witness_that_breaks_says_so():
    def trip() -> None:
        raise RuntimeError("no memory")

    with pytest.raises(ModelFailed, match="RuntimeError: no memory"):
        seer(head=Recites("", pause=trip)).chance_of_yes("Is there a dog?", RED)


@pytest.mark.parametrize("make", MAKES)
def test_weights_in_half_precision_take_pixels_in_the_same_and_tokens_as_they_are(make):
    model, processor = tiny_vlm(make)
    generator = VisionLanguageModel(model.to(torch.bfloat16), processor, name="tiny", fingerprint="0")
    taken: list[torch.dtype] = []
    generate = model.generate
    model.generate = lambda **inputs: taken.extend(inputs[name].dtype for name in WATCHED) or generate(**inputs)
    assert len(set(answer(generator))) > 5
    assert taken == [torch.bfloat16, torch.int64]


def test_an_end_mark_that_is_an_ordinary_word_is_not_shown():
    model, processor = tiny_vlm()
    model.lm_head = Recites("a dog. And more")
    model.generation_config.eos_token_id = [2, processor.tokenizer(".")["input_ids"][0]]
    assert answer(VisionLanguageModel(model, processor, name="tiny", fingerprint="0")) == "a dog"
