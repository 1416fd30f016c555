"""How likely the tokens of an answer were, as clients of OpenAI read it: of a chat, and of a text."""

from collections.abc import Sequence
from itertools import accumulate

from deepseek_mm.api.openai.schemas import ChatLogprobs, LikelyToken, ScoredToken, TextLogprobs
from deepseek_mm.lm.generator import TokenScore
from deepseek_mm.lm.tokenizer import BROKEN


def show_chat_scores(scores: Sequence[TokenScore]) -> ChatLogprobs | None:
    """Each token with the likeliest ones in its place; None where nobody asked."""
    return ChatLogprobs(content=[_show_token(score) for score in scores]) if scores else None


def _show_token(score: TokenScore) -> ScoredToken:
    likeliest = [LikelyToken(token=text, logprob=value, bytes=_encode(text)) for text, value in score.likeliest]
    return ScoredToken(token=score.text, logprob=score.logprob, bytes=_encode(score.text), top_logprobs=likeliest)


def _encode(text: str) -> list[int] | None:
    """The bytes of a token; None for a part of a character."""
    return None if BROKEN in text else list(text.encode())


def show_text_scores(scores: Sequence[TokenScore], start: int) -> TextLogprobs | None:
    """The same as lists; `start` is the character of the reply at which the text begins. None where nobody asked."""
    if not scores:
        return None
    return TextLogprobs(
        tokens=[score.text for score in scores],
        token_logprobs=[score.logprob for score in scores],
        top_logprobs=[dict(reversed(score.likeliest)) for score in scores],  # of two written alike the likelier stays
        text_offset=list(accumulate((len(score.text) for score in scores[:-1]), initial=start)),
    )
