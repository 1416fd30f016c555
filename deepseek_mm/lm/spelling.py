"""Tokens are bytes, people read characters: hold a token back until the text it ends is whole.

A byte-level tokenizer spells one emoji with up to four tokens; decoded alone, each of them is U+FFFD, the mark of a
broken character. And some tokenizers drop the space before the first token they decode. So a token is decoded together
with the few before it, and only what it adds is given out.
"""

from typing import Any

BROKEN = "\ufffd"


class IncrementalDetokenizer:
    """Turns tokens into text, one at a time. Joined, the pieces are the decoded whole, less an unfinished character."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._before: list[int] = []  # tokens already given out that the next ones are decoded with
        self._held: list[int] = []  # tokens since then

    def add(self, token: int) -> str:
        """The text that `token` completes; empty while a character is unfinished."""
        self._held.append(token)
        known, text = self._decode(self._before), self._decode(self._before + self._held)
        if text.endswith(BROKEN) or len(text) <= len(known):
            return ""
        self._before, self._held = self._held, []
        return text[len(known) :]

    def _decode(self, tokens: list[int]) -> str:
        text: str = self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text
