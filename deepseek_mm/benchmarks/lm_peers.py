"""Decoding beside transformers and llama.cpp: every task done by all in turn, round after round.

A comparison is ours over a rival in one task, the median of the ratios of the rounds. A rival that is not there costs
its rows, and nothing else. Our decoder runs through the runner and the paged memory that the product answers with.

Each program runs in the setting that was measured to be its best on both cores, and says which: transformers in
bfloat16 with SDPA and a growing cache; llama.cpp on the same Q4_1 file with batches of 512 and without flash attention,
which decodes more slowly by a tenth after 1,000 tokens. Tokens are made up, the likeliest next one is taken, and of
several tries the fastest counts. llama.cpp has a process of its own, since it stops with an illegal instruction where
torch released the AMX tiles.

Shape key:  B requests, T tokens, V vocabulary
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from operator import attrgetter, methodcaller
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, LMSizes, TableLine, join_results, report_missing
from deepseek_mm.benchmarks.servers import OwnProcess
from deepseek_mm.errors import DeepSeekMMError, MissingPackage
from deepseek_mm.lm.backends.transformers_model import best_dtype, read_checkpoint
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.engine.model_runner import PagedRunner, TokenPrompt
from deepseek_mm.lm.generator import Over
from deepseek_mm.lm.kv_cache.key_value_store import PAGE
from deepseek_mm.lm.kv_cache.paged_attention import open_memory

ROUNDS = 3
STRIDE = 7919  # a prime: made-up tokens do not repeat within a vocabulary


class Peer(Protocol):
    """One program with its model in memory."""

    settings: str  # the program, its version and how it was set, in words

    def decode_speed(self, context: int, new_tokens: int) -> float:
        """Tokens a second, one after the other, after a text of `context` tokens whose reading does not count."""

    def first_token_s(self, prompt_tokens: int) -> float:
        """Seconds from a prompt of so many tokens, of which nothing is known yet, to the token that follows it."""


def make_tokens(count: int, vocab_size: int) -> list[int]:
    """So many tokens of a vocabulary, the same at every call; the first hundred, often special ones, are left out."""
    usable = vocab_size - 100
    return [100 + number * STRIDE % usable for number in range(count)]


def fastest_s(work: Callable[[], object], *, before: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Seconds that `work` takes when it goes best; `before` puts things back and is not timed."""
    times_s = []
    for _ in range(rounds):
        before()
        start = time.perf_counter()
        work()
        times_s.append(time.perf_counter() - start)
    return min(times_s)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Give torch so many threads inside the `with` block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class PeerProcess:
    """A Peer. `make` opens the real one over there; it must be picklable. NothingThere says why it cannot."""

    def __init__(self, make: Callable[[], Peer]) -> None:
        self._there = OwnProcess(make)
        self.settings = f"{self._there.call(attrgetter('settings'))}, in a process of its own"

    def decode_speed(self, context: int, new_tokens: int) -> float:
        """As `Peer` says."""
        tokens_s: float = self._there.call(methodcaller("decode_speed", context, new_tokens))
        return tokens_s

    def first_token_s(self, prompt_tokens: int) -> float:
        """As `Peer` says."""
        seconds: float = self._there.call(methodcaller("first_token_s", prompt_tokens))
        return seconds


class Transformers:
    """A Peer around a causal model of transformers."""

    def __init__(self, model: Any, *, threads: int = 2) -> None:
        self._model, self._threads = model.eval(), threads
        dtype = str(model.dtype).removeprefix("torch.")
        self.settings = f"transformers {version('transformers')}, {dtype}, {threads} threads, SDPA, a cache that grows"

    @classmethod
    def of_folder(cls, folder: Path, *, threads: int = 2) -> "Transformers":
        """The checkpoint in `folder`, as `read_checkpoint` takes it."""
        return cls(read_checkpoint(folder, dtype=best_dtype())[0], threads=threads)

    @torch.inference_mode()
    def decode_speed(self, context: int, new_tokens: int) -> float:
        """As `Peer` says."""
        with torch_threads(self._threads):
            start = self._step(make_tokens(context, self._vocab_size), None)

            def decode() -> None:
                token, cache = start
                for _ in range(new_tokens):
                    token, cache = self._step([token], cache)

            return new_tokens / fastest_s(decode, before=lambda: start[1].crop(context - start[1].get_seq_length()))

    @torch.inference_mode()
    def first_token_s(self, prompt_tokens: int) -> float:
        """As `Peer` says."""
        prompt = make_tokens(prompt_tokens, self._vocab_size)
        with torch_threads(self._threads):
            self._step(prompt[:8], None)
            return fastest_s(lambda: self._step(prompt, None), before=lambda: None)

    @property
    def _vocab_size(self) -> int:
        return int(self._model.config.get_text_config().vocab_size)

    def _step(self, tokens: list[int], cache: Any) -> tuple[int, Any]:
        """Read `tokens` after what the cache holds: the likeliest next token, and the cache."""
        ids_BT = torch.tensor([tokens])
        output = self._model(input_ids=ids_BT, cache=cache, use_cache=True, logits_to_keep=1)
        return int(output.logits[0, -1].argmax()), output.cache


BITE = 512  # tokens that are read at once, n_batch and n_ubatch; 256 and 1,024 are as fast within the noise


class LlamaCpp:
    """A Peer. The memory for keys is as long as the longest text asked for, so it is opened anew for a longer one."""

    def __init__(self, gguf: Path, *, threads: int = 2, flash: bool = False) -> None:
        self._gguf, self._threads, self._flash = gguf, threads, flash
        self._library = _library()
        self._room = 0
        self._model: Any = None
        self.settings = (
            f"llama.cpp by llama-cpp-python {self._library.__version__}, {gguf.name}, {threads} threads,"
            f" batches of {BITE}, flash attention {'on' if flash else 'off'}, keys in float16"
        )

    def decode_speed(self, context: int, new_tokens: int) -> float:
        """As `Peer` says."""
        model = self._open(context + new_tokens)
        model.reset()
        model.eval(make_tokens(context, model.n_vocab()))

        def decode() -> None:
            for _ in range(new_tokens):
                model.eval([self._likeliest(model)])

        return new_tokens / fastest_s(decode, before=lambda: _back_to(model, context))

    def first_token_s(self, prompt_tokens: int) -> float:
        """As `Peer` says."""
        model = self._open(prompt_tokens)
        prompt = make_tokens(prompt_tokens, model.n_vocab())

        def read() -> None:
            model.eval(prompt)
            self._likeliest(model)

        return fastest_s(read, before=model.reset)

    def _open(self, tokens: int) -> Any:
        """The model with room for so many tokens."""
        if self._model is None or tokens > self._room:
            self._model, self._room = None, tokens  # the old one goes before the new one comes
            sizes = {"n_ctx": tokens, "n_batch": BITE, "n_ubatch": BITE}
            threads = {"n_threads": self._threads, "n_threads_batch": self._threads}
            self._model = self._library.Llama(
                str(self._gguf), **sizes, **threads, flash_attn=self._flash, n_gpu_layers=0, verbose=False
            )
            self._model.eval(make_tokens(8, self._model.n_vocab()))  # reads the file
        return self._model

    def _likeliest(self, model: Any) -> int:
        """The best next token, of the scores where llama.cpp left them."""
        scores = self._library.llama_get_logits_ith(model.ctx, -1)
        return int(np.ctypeslib.as_array(scores, (model.n_vocab(),)).argmax())


def _back_to(model: Any, tokens: int) -> None:
    """Forget what came after the first `tokens`; the last of them is read again, so that its scores are there."""
    model.n_tokens = tokens - 1
    model.eval([int(model.input_ids[tokens - 1])])


def _library() -> Any:
    try:
        import llama_cpp
    except ImportError as error:
        raise MissingPackage("llama-cpp-python", needed_for="the bench against llama.cpp", extra="bench") from error
    return llama_cpp


class Ours:
    """A Peer. Memory is made for each measure, as large as that needs."""

    def __init__(self, decoder: Decoder, over: Over, *, threads: int, chunk: int, says: str) -> None:
        self._decoder, self._over, self._threads, self._chunk = decoder, over, threads, chunk
        self._unknown = 0  # prompts so far that began like no other
        self.settings = f"ours: {says}, {threads} threads, chunks of {chunk}, keys in bfloat16"

    def decode_speed(self, context: int, new_tokens: int) -> float:
        """As `Peer` says."""
        return self.together(1, context, new_tokens)

    def together(self, requests: int, context: int, new_tokens: int) -> float:
        """Tokens a second of so many different texts at once, all of them together, each behind `context` tokens."""
        runner = self._open(requests, context + new_tokens)
        prompts = [self._prompt(context) for _ in range(requests)]
        running: dict[int, int] = {}  # text -> the token that it goes on with

        def back() -> None:
            for number, prompt in enumerate(prompts):
                if number in running:
                    runner.release(number)
                running[number] = self._read(runner, number, prompt, most=context + new_tokens)

        def decode() -> None:
            for _ in range(new_tokens):
                scores_BV = runner.decode(list(running.items()))
                running.update(zip(running, [int(scores_V.argmax()) for scores_V in scores_BV], strict=True))

        with torch_threads(self._threads):
            return requests * new_tokens / fastest_s(decode, before=back)

    def first_token_s(self, prompt_tokens: int) -> float:
        """As `Peer` says. Every prompt begins like no other, so that nothing of it is known."""
        runner = self._open(1, prompt_tokens)

        def read() -> None:
            self._read(runner, 0, self._prompt(prompt_tokens), most=prompt_tokens)
            runner.release(0)

        with torch_threads(self._threads):
            read()
            return fastest_s(read, before=lambda: None)

    def _open(self, requests: int, tokens: int) -> PagedRunner:
        """A runner with memory for the texts, and once more for what is kept of those that ended."""
        like = self._decoder.embedding.weight
        memory = open_memory(
            self._decoder.shape, tokens=2 * requests * tokens, sequences=2 * requests, chunk=self._chunk, like=like
        )
        return PagedRunner(self._decoder, memory, steps=self._over(memory))

    def _prompt(self, tokens: int) -> TokenPrompt:
        """Made-up tokens behind one that no other prompt begins with; its last page border is kept."""
        self._unknown += 1
        first, *rest = make_tokens(tokens, self._decoder.shape.vocab_size)
        last_border = (tokens - 1) // PAGE * PAGE
        return TokenPrompt(ids=(self._unknown % first, *rest), marks=(last_border,) if last_border else ())

    @torch.inference_mode()
    def _read(self, runner: PagedRunner, number: int, prompt: TokenPrompt, *, most: int) -> int:
        """The token that follows the prompt."""
        at, scores_V = runner.start(number, prompt, most=most), torch.empty(0)
        while at < len(prompt.ids):
            ((tokens, scores_V),) = runner.prefill([(number, min(self._chunk, len(prompt.ids) - at))])
            at += tokens
        return int(scores_V.argmax())


OURS, TRANSFORMERS, LLAMA = "ours", "transformers", "llamacpp"
Open = Callable[[], Peer]
Times = Mapping[str, Sequence[float]]  # who -> what was measured in each round


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerTask:
    """A task that ours and the rivals all do."""

    says: str
    unit: str
    measure: Callable[[Peer], float]
    rounds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerComparison:
    """The row that compares ours with one rival in one task."""

    key: str
    task: str
    rival: str
    bar: str


ROWS = (
    PeerComparison(key="decode_vs_transformers", task="decode", rival=TRANSFORMERS, bar="3x (aim 5x)"),
    PeerComparison(key="decode_vs_llamacpp", task="decode", rival=LLAMA, bar="0.7x (aim 1.2x)"),
    PeerComparison(key="decode_8k_vs_llamacpp", task="decode_8k", rival=LLAMA, bar="1x (aim 2x)"),
    PeerComparison(key="ttft_vs_llamacpp", task="ttft", rival=LLAMA, bar="at most 1.5x (aim 0.8x)"),
)


def list_tasks(sizes: LMSizes, *, full: bool) -> dict[str, PeerTask]:
    """What is done. A long context takes long to read: it has one round, except where there is time for everything."""

    def decode(context: int, rounds: int) -> PeerTask:
        says = f"decode, {context:,} tokens of context"
        measure: Callable[[Peer], float] = lambda peer: peer.decode_speed(context, sizes.steps)  # noqa: E731
        return PeerTask(says=says, unit="tokens/s", measure=measure, rounds=rounds)

    return {
        "decode": decode(sizes.context, sizes.rounds),
        "decode_8k": decode(sizes.long_context, sizes.rounds if full else 1),
        "ttft": PeerTask(
            says=f"first token, a prompt of {sizes.first:,}",
            unit="s",
            measure=lambda peer: peer.first_token_s(sizes.first),
            rounds=sizes.rounds,
        ),
    }


def compare_peers(setting: BenchSetting, ours: Ours, rivals: Mapping[str, Open]) -> BenchResult:
    """Every measurement as one result."""
    peers, absent = open_peers(rivals)
    parts = [BenchResult(words={f"settings_{name}": peer.settings for name, peer in {OURS: ours, **peers}.items()})]
    for name, task in list_tasks(setting.lm, full=setting.full).items():
        rows = [row for row in ROWS if row.task == name]
        there = {row.rival: peers[row.rival] for row in rows if row.rival in peers}
        setting.note(f"{task.says}: ours, {', '.join(there) or 'nobody else'}")
        times = take_turns(task, {OURS: ours, **there})
        parts.append(BenchResult(numbers={f"{name}_{who}": statistics.median(values) for who, values in times.items()}))
        parts += [
            report_comparison(row, task, times)
            if row.rival in there
            else report_missing(f"{task.says} / {row.rival}", row.key, absent[row.rival], bar=row.bar)
            for row in rows
        ]
    return join_results(parts)


def open_peers(rivals: Mapping[str, Open]) -> tuple[dict[str, Peer], dict[str, str]]:
    """Open the rivals; returns the peers, and why the others cannot be opened."""
    peers: dict[str, Peer] = {}
    absent: dict[str, str] = {}
    for name, start in rivals.items():
        try:
            peers[name] = start()
        except DeepSeekMMError as error:
            absent[name] = str(error)
    return peers, absent


def take_turns(task: PeerTask, everybody: Mapping[str, Peer]) -> Times:
    """Measure everybody in turn, round after round."""
    times: dict[str, list[float]] = {name: [] for name in everybody}
    for _ in range(task.rounds):
        for name, peer in everybody.items():
            times[name].append(task.measure(peer))
    return times


def median_ratio(times: Times, rival: str) -> float:
    """Ours over the rival's, the median of the rounds."""
    return statistics.median(ours / theirs for ours, theirs in zip(times[OURS], times[rival], strict=True))


def report_comparison(row: PeerComparison, task: PeerTask, times: Times) -> BenchResult:
    """The result of one comparison."""
    ours, theirs = (statistics.median(times[who]) for who in (OURS, row.rival))
    line = TableLine(
        f"{task.says} / {row.rival}",
        f"{median_ratio(times, row.rival):.2f}x, {ours:.3g} {task.unit}",
        beside=f"{row.rival}: {theirs:.3g} {task.unit}",
        bar=row.bar,
    )
    return BenchResult(lines=(line,), numbers={row.key: median_ratio(times, row.rival)})


def compare_batching(setting: BenchSetting, ours: Ours) -> BenchResult:
    """Several requests together beside one alone, tokens a second."""
    sizes = setting.lm
    setting.note(f"{sizes.requests} requests at once, and one alone")
    rounds = [
        [ours.together(requests, sizes.context, sizes.steps) for requests in (1, sizes.requests)]
        for _ in range(sizes.rounds)
    ]
    gain = statistics.median(many / one for one, many in rounds)
    one, many = (statistics.median(each) for each in zip(*rounds, strict=True))
    line = TableLine(
        f"{sizes.requests} requests at once",
        f"{gain:.2f}x, {many:.0f} tokens/s",
        beside=f"one alone: {one:.1f} tokens/s",
        bar="3x (aim 5x)",
    )
    return BenchResult(lines=(line,), numbers={"batch8_speedup": gain, "batch8_tokens_s": many, "batch1_tokens_s": one})
