"""Vectors of texts and pictures, mixed as they come: texts go through the tower together, and so do pictures."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from deepseek_mm.api.openai.errors import UnsupportedRequest
from deepseek_mm.api.openai.models import EMBED_CODE
from deepseek_mm.api.openai.schemas import (
    EmbeddingList,
    EmbeddingRequest,
    EmbeddingUsage,
    Item,
    PicturePart,
    TextPart,
    Vector,
)
from deepseek_mm.api.request_pictures import PictureDecoder
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, TokenCounter

Embed = Callable[[str, Sequence[Any]], Floats]  # (N, D) vectors of "text", "code" or "picture"
MOST_INPUTS, MOST_PICTURES, MOST_CHARS = 2048, 64, 100_000  # of one request; characters are those of one text


def embeddings(
    space: EmbeddingModel, embed: Embed, request: EmbeddingRequest, pictures: PictureDecoder
) -> EmbeddingList:
    """One vector an input, in order. Refused says which input, or which field, cannot be taken."""
    if request.dimensions not in (None, space.dim):
        raise UnsupportedRequest(
            f"dimensions={request.dimensions} is not offered: vectors have {space.dim}. Leave dimensions out",
            param="dimensions",
        )
    items = items_of(request)
    texts = {n: item for n, item in enumerate(items) if isinstance(item, str)}
    vectors_ND = vectors_of(embed, items, pictures, code=request.model == EMBED_CODE)
    if isinstance(space, TokenCounter):
        lengths, longest = space.count_tokens(list(texts.values())), space.max_tokens
    else:  # words, and none too many
        lengths = [len(text.split()) for text in texts.values()]
        longest = max(lengths, default=0)
    read = sum(min(length, longest) for length in lengths)
    spelt = [describe_items(vector_D, request.encoding_format) for vector_D in vectors_ND]
    return EmbeddingList(
        data=[Vector(index=n, embedding=vector) for n, vector in enumerate(spelt)],
        model=request.model,
        usage=EmbeddingUsage(prompt_tokens=read, total_tokens=read),
        truncated=[n for n, length in zip(texts, lengths, strict=True) if length > longest],
    )


def vectors_of(embed: Embed, items: Sequence[str | PicturePart], pictures: PictureDecoder, *, code: bool) -> Floats:
    """(N, D), in the order of the items."""
    texts = [item for item in items if isinstance(item, str)]
    urls = [item.image_url.url for item in items if isinstance(item, PicturePart)]
    images = [pictures.open(url) for url in urls]
    told, seen = iter(embed("code" if code else "text", texts)), iter(embed("picture", images))
    return np.stack([next(told if isinstance(item, str) else seen) for item in items])


def items_of(request: EmbeddingRequest) -> list[str | PicturePart]:
    """The inputs one by one. Refused if there are none, too many, one is empty or too long, or they are tokens."""
    given: Sequence[Item] = request.input if isinstance(request.input, list) else [request.input]
    if not 0 < len(given) <= MOST_INPUTS:
        raise refuse_input(f"there are {len(given):,} inputs, and 1 to {MOST_INPUTS:,} are taken at a time")
    items = [_item(n, each) for n, each in enumerate(given)]
    if (num := sum(isinstance(each, PicturePart) for each in items)) > MOST_PICTURES:
        raise refuse_input(
            f"there are {num} pictures, and {MOST_PICTURES} are taken at a time. Send the rest in another"
        )
    return items


def _item(n: int, item: Item) -> str | PicturePart:
    if isinstance(item, PicturePart):
        return item
    if isinstance(item, int | list):
        raise refuse_input(
            "input is token numbers, and those of another model mean nothing here. Send texts; with langchain:"
            " OpenAIEmbeddings(check_embedding_ctx_length=False)"
        )
    text = item.text if isinstance(item, TextPart) else item
    if not text.strip():
        raise refuse_input(f"input {n} is empty. Leave it out, or write something")
    if len(text) > MOST_CHARS:
        raise refuse_input(f"input {n} has {len(text):,} characters, and {MOST_CHARS:,} are taken. Cut it into pieces")
    return text


def refuse_input(message: str) -> UnsupportedRequest:
    return UnsupportedRequest(message, param="input", code="invalid_input")


def describe_items(vector_D: Floats, form: str) -> list[float] | str:
    """Numbers, or base64 of little-endian 32-bit floats."""
    if form == "float":
        return [float(value) for value in vector_D]
    return base64.b64encode(vector_D.astype("<f4").tobytes()).decode()
