"""What tests of the engine share: prompts, how to ask, and what must come out."""

import threading

from toy_runner import END, toy_tokenizer

from deepseek_mm.lm.engine.model_runner import TokenPrompt
from deepseek_mm.lm.engine.sampling import Sampling, choose_token, make_generator

TOKENIZER = toy_tokenizer()


def prompt(text="two cups", *, length=0):
    ids = [*TOKENIZER(text)["input_ids"], *([9] * length), 1]
    return TokenPrompt(ids=tuple(ids))


def said(engine, asked, sampling=None, stop=None):
    return "".join(engine.stream(asked, sampling or Sampling(max_tokens=40), stop or threading.Event()))


def plainly(language, asked, sampling):
    """The answer by asking the language token by token."""
    tokens, generator = list(asked.ids), make_generator(sampling)
    while len(tokens) < len(asked.ids) + sampling.max_tokens:
        token = choose_token(language(tokens), sampling, generator, tokens)
        if token == END:
            break
        tokens.append(token)
    return TOKENIZER.decode(tokens[len(asked.ids) :], skip_special_tokens=True)


def together(jobs):
    """Runs every job in a thread of its own; their results in order, errors as results."""
    results = [None] * len(jobs)

    def run(n):
        try:
            results[n] = jobs[n]()
        except Exception as error:  # noqa: BLE001
            results[n] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results


def all_here(engine, number):
    """Waits until so many stand at the engine's door or are being answered."""
    for _ in range(12_000):
        if len(engine._arrived) + len(engine._requests) == number:
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"fewer than {number} came")


def settle(runner):
    """Waits until all memory was given back, which is just after the reader heard of the end."""
    for _ in range(2000):
        if not runner.tokens:
            return
        threading.Event().wait(0.005)
    raise AssertionError(f"still there: {runner.tokens.keys()}")
