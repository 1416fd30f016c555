"""How much `bench lm` measures: enough to be sure, and over within nine minutes on two cores; tests take less."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LMSizes:
    """Numbers are tokens, or say what they count."""

    lengths: tuple[int, ...] = (1_024, 2_048, 4_096, 8_192, 16_384)  # of prompts, the shortest first
    longest: int = 32_768  # one more, with everything
    chunk: int = 512  # of a prompt, that are read at once
    busy: int = 2_048  # prompt whose arithmetic is compared with the machine's; one of `lengths`
    context: int = 512  # before the first token that is decoded
    long_context: int = 8_192
    steps: int = 32  # tokens decoded in a round
    first: int = 1_000  # prompt whose first token is waited for
    requests: int = 8  # that are answered at once
    rounds: int = 3  # in which everybody takes a turn
    expected: tuple[int, ...] = (2_048, 8_192)  # texts whose perplexity is taken
    texts: int = 1  # of each kind and length, for that
    more_texts: int = 3  # the same with everything

    def prompts(self, *, full: bool) -> tuple[int, ...]:
        """Lengths of the prompts that are read."""
        return (*self.lengths, self.longest) if full else self.lengths
