import threading
import time
from functools import partial

import pytest
import torch
from engine_help import together
from tiny_lm import MARKS, Reciter, tiny_gpt2, tiny_llama, tiny_tokenizer

from deepseek_mm.errors import BadQuestion
from deepseek_mm.lm.backends import transformers_model
from deepseek_mm.lm.backends.transformers_model import LocalModel
from deepseek_mm.threads import single_threaded_worker
from deepseek_mm.types import Message

ASK = (Message(role="system", text="two cups"), Message(role="user", text="a black dog?"))


def speaker(model, **options):
    return LocalModel(model, tiny_tokenizer(), name="tiny", fingerprint="0", **options)


def reciter(text: str, **options):
    return Reciter(tiny_tokenizer()(text)["input_ids"], **options)


def answer(generator, messages=ASK, *, max_tokens=40):
    return "".join(generator.stream(messages, max_tokens=max_tokens, stop=threading.Event()))


def reference(model, messages=ASK, *, max_tokens=40):
    """What transformers itself says, greedily."""
    tokenizer = tiny_tokenizer()
    turns = [{"role": m.role, "content": m.text} for m in messages]
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    said = model.generate(**ids, max_new_tokens=max_tokens, do_sample=False)[0, ids["input_ids"].shape[1] :]
    return tokenizer.decode(said, skip_special_tokens=True).rstrip("\ufffd")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [tiny_llama, tiny_gpt2])
def test_the_answer_is_the_one_that_generate_gives(make, seed):
    model = make(seed=seed)
    said = answer(speaker(model))
    assert said.rstrip("\ufffd") == reference(model)
    assert len(set(said)) > 5


@pytest.mark.parametrize("make", [tiny_llama, tiny_gpt2])
def test_a_prompt_read_in_bites_gets_the_same_answer(make, monkeypatch):
    model = make(seed=1)
    monkeypatch.setattr(transformers_model, "BITE", 7)
    assert answer(speaker(model)).rstrip("\ufffd") == reference(model)


def test_a_stop_is_heard_before_another_token_is_made():
    model, stop = reciter("a black dog runs"), threading.Event()
    pieces = speaker(model).stream(ASK, max_tokens=50, stop=stop)
    heard = [next(pieces), next(pieces), next(pieces)]
    stop.set()
    assert list(pieces) == []
    assert model.steps == len(heard) == 3


def test_a_stop_is_heard_while_a_long_prompt_is_read(monkeypatch):
    stop = threading.Event()
    model = reciter("dog", pause=stop.set)
    monkeypatch.setattr(transformers_model, "BITE", 4)
    assert list(speaker(model).stream(ASK, max_tokens=5, stop=stop)) == []
    assert model.steps == 1


def test_nothing_is_computed_when_it_is_stopped_before_it_begins():
    model, stop = reciter("dog"), threading.Event()
    stop.set()
    assert list(speaker(model).stream(ASK, max_tokens=5, stop=stop)) == []
    assert model.steps == 0


def test_pieces_come_as_they_are_made_and_no_piece_splits_a_character():
    text = "Zwölf Küsse 日本 🎉👩‍👩‍👧 done"
    model = reciter(text)
    pieces = list(speaker(model).stream(ASK, max_tokens=len(model.script), stop=threading.Event()))
    assert "".join(pieces) == text
    assert "\ufffd" not in "".join(pieces)
    assert len(pieces) > 20


def test_a_character_that_the_limit_cuts_is_left_out():
    model = reciter("ok 🎉")
    assert answer(speaker(model), max_tokens=len(model.script) - 1) == "ok "


def test_the_answer_ends_at_the_end_mark_and_does_not_show_it():
    assert answer(speaker(reciter(f"a dog{MARKS[2]} and more"))) == "a dog"


def test_a_checkpoint_may_list_several_end_marks():
    model = reciter(f"a dog{MARKS[0]} and more")
    model.generation_config.eos_token_id = [0, 2]
    assert answer(speaker(model)) == "a dog"


def test_no_more_tokens_are_made_than_were_asked_for():
    model = reciter("a")
    assert answer(speaker(model), max_tokens=7) == "a" * 7
    assert model.steps == 7


def test_a_prompt_that_leaves_no_room_for_the_answer_is_refused_with_the_numbers():
    model = reciter("dog", context=100)
    with pytest.raises(BadQuestion, match=r"has \d+ tokens; tiny reads 100, an answer of 60 .* rag.num_regions"):
        answer(speaker(model), [Message(role="user", text="x" * 80)], max_tokens=60)
    assert model.steps == 0


def test_answers_at_the_same_time_are_the_answers_one_by_one():
    generator = speaker(tiny_llama())
    questions = [(Message(role="user", text=text),) for text in ("dog", "two cups", "green grass", "the table [2]")]
    alone = [answer(generator, question) for question in questions]
    assert together([partial(answer, generator, question) for question in questions]) == alone
    assert len(set(alone)) == len(alone)


def test_two_steps_never_run_at_the_same_time():
    inside, most = [], []

    def step():
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.005)
        inside.pop()

    generator = speaker(reciter("a", pause=step))
    threads = [threading.Thread(target=answer, args=(generator,), kwargs={"max_tokens": 10}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (40, 1)


def test_a_short_answer_does_not_wait_for_a_long_one_to_end():
    generator = speaker(reciter("a", pause=lambda: time.sleep(0.005)))
    long = threading.Thread(target=answer, args=(generator,), kwargs={"max_tokens": 300})
    long.start()
    assert answer(generator, max_tokens=5) == "aaaaa"
    assert long.is_alive()
    long.join()


def test_an_answer_that_is_abandoned_blocks_nobody():
    generator = speaker(reciter("a"))
    abandoned = generator.stream(ASK, max_tokens=50, stop=threading.Event())
    assert next(abandoned) == "a"
    assert answer(generator, max_tokens=3) == "aaa"
    assert next(abandoned) == "a"


def test_the_worker_has_its_own_number_of_threads_and_leaves_everybody_elses():
    before, seen = torch.get_num_threads(), []
    worker = single_threaded_worker(before + 1)
    assert worker.submit(torch.get_num_threads).result() == before + 1
    newcomer = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    newcomer.start()
    newcomer.join()
    assert (torch.get_num_threads(), seen) == (before, [before])


def test_pictures_are_left_out_by_a_model_that_cannot_see():
    generator = speaker(tiny_llama())
    seen = [Message(role=m.role, text=m.text, images=(object(),)) for m in ASK]
    assert generator.sees is False
    assert answer(generator, seen) == answer(generator)
