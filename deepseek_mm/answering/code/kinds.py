"""What kind of request about code a sentence is, by the nearest of its examples, where no shape of words says it."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import get_args

from deepseek_mm.answering.intents import IntentIndex, read_known
from deepseek_mm.embeddings.space import Encode
from deepseek_mm.language.code_requests import CodeKind, CodeRequest

FILE = Path(__file__).with_name("examples.toml")
SURE = 0.8  # probability from which the nearest kind is taken


class CodeKinds:
    """Completes requests; without an encoder they stay as the shapes say."""

    def __init__(self, encode: Encode | None) -> None:
        examples = {("code", kind): texts for kind, texts in read_examples().items()}
        self._index = IntentIndex(encode, examples, read_known()) if encode else None

    def complete(self, request: CodeRequest, hide_names: Callable[[str], str]) -> CodeRequest:
        """The request, its kind as the nearest examples say where no shape of words does; `hide_names` puts "it" for
        plain words that are names.
        """
        if request.by_shape or self._index is None:
            return request
        found = self._index.find(hide_names(request.without_names))
        if found is None or found.chance < SURE:
            return request
        kind = next((each for each in get_args(CodeKind) if each == found.name), request.kind)
        return replace(request, kind=kind)


@cache
def read_examples(file: Path = FILE) -> dict[str, list[str]]:
    """Kind -> sentences, with "it" where a name stands and "the file" where a file does."""
    return {kind: list(texts) for kind, texts in tomllib.loads(file.read_text(encoding="utf-8")).items()}
