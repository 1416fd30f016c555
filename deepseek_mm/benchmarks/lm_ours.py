"""Our own decoder as a peer among peers, through the runner and the paged memory that the product answers with.

A text that is decoded behind a context goes back to where it began by ending and starting anew: what it has in common
with the one before is still in the cache, as when a user asks again.

Shape key:  B requests, V vocabulary
"""

import torch

from deepseek_mm.benchmarks.peer import fastest_s, make_tokens, torch_threads
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.engine.model_runner import PagedRunner, TokenPrompt
from deepseek_mm.lm.generator import Over
from deepseek_mm.lm.kv_cache.layer_groups import PAGE
from deepseek_mm.lm.kv_cache.paged_attention import open_memory


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
