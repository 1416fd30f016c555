"""The page over a small library of code, for one test in a browser: real index, real answers about code, no model.

    python tests/code_app.py --port 8001 --data /tmp/library

A question with the word "example" is answered with a program, with "endless" besides with one that does not end.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

from code_house import FILES, put_code
from rag_house import build

import app
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.types import Answer, Question

PROGRAM = "Like this:\n\n```python\nprint(6 * 7)\n```\n"
ENDLESS = PROGRAM.replace("print(6 * 7)", "while True: pass")


class Shop(Assistant):
    """Answers about code, and has an example."""

    def stream_many(self, questions: Sequence[Question], **more: Any) -> list[Iterator[Answer]]:
        growing = super().stream_many(questions, **more)
        return [self._answered(*pair) for pair in zip(questions, growing, strict=True)]

    def _answered(self, question: Question, growing: Iterator[Answer]) -> Iterator[Answer]:
        for answer in growing:
            told = answer.state != "running" and "example" in question.text
            yield replace(answer, text=ENDLESS if "endless" in question.text else PROGRAM) if told else answer


def shop(config: Config) -> Assistant:
    """The files of `code_house` lie in a folder beside the library."""
    folder = config.data.absolute().parent / "repo"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    assistant = build(config.data)
    assistant.config = replace(assistant.config, sandbox=config.sandbox)
    put_code(assistant.store, folder)
    assistant.__class__ = Shop
    return assistant


if __name__ == "__main__":
    app.leave(app.main(sys.argv[1:], load=shop))
