"""Makes the tokenizer that a GGUF file describes: byte-level BPE, with the way of splitting text that the file names.

A file holds the tokens and the merges, but of the expression that cuts a text into words only a name. So a name that is
not in the table is refused: words that are cut elsewhere become other tokens, and the model reads badly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gguf import TokenType
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

QWEN2 = (  # as the tokenizer.json of Qwen2, Qwen2.5 and Qwen3 has it
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSplit:
    """How a text is cut into words, inside which tokens are merged."""

    expression: str = ""  # a word; empty is GPT-2's
    composed: bool = False  # a letter and its accent become one character first (Unicode's NFC)
    ends: tuple[str, ...] = ()  # control tokens that end an answer, whatever else the file names


GPT2 = TextSplit()
QWEN = TextSplit(expression=QWEN2, composed=True, ends=("<|im_end|>", "<|endoftext|>"))
SPLITS: dict[str | None, TextSplit] = {  # by the name in a file; SmolLM's digits are single, but so are its tokens
    None: GPT2, "default": GPT2, "gpt-2": GPT2, "smollm": GPT2, "qwen2": QWEN, "deepseek-r1-qwen": QWEN,
}  # fmt: skip


def make_tokenizer(
    tokens: Sequence[str], merges: Sequence[str], kinds: Sequence[int], *, split: TextSplit
) -> Tokenizer:
    """As transformers makes it of the same file; control tokens are special, a user's are whole wherever they stand."""
    numbered = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(numbered, [_pair(merge) for merge in merges]))
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not split.expression)
    if split.composed:
        tokenizer.normalizer = normalizers.NFC()
    if split.expression:
        words = pre_tokenizers.Split(Regex(split.expression), behavior="isolated")
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, bytes_only])
    else:
        tokenizer.pre_tokenizer = bytes_only
    tokenizer.decoder = decoders.ByteLevel()
    added = [
        AddedToken(token, normalized=False, special=kind == TokenType.CONTROL)
        for token, kind in zip(tokens, kinds, strict=False)
        if kind in (TokenType.CONTROL, TokenType.USER_DEFINED)
    ]
    tokenizer.add_tokens(added)
    return tokenizer


def _pair(merge: str) -> tuple[str, str]:
    first, second = merge.split(" ")
    return first, second
