"""A page over a library whose photos have hand-made boxes (rules_help), for rules to be checked over.

    python tests/rules_app.py --port 8001 --data /tmp/library

BARE= is the number of further photos without boxes, SECONDS= how long each photo takes to be checked.
"""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

from rag_house import build
from rules_help import fill, put_photo

import app
from deepseek_mm.answering.scene_programs import Checked
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config


class Slow:
    """Takes its time over each photo."""

    def __init__(self, assistant: Assistant, seconds: float) -> None:
        self.check, self.seconds = assistant.check_rules, seconds

    def __call__(self, *rules: Any, **how: Any) -> Iterator[Checked]:
        for checked in self.check(*rules, **how):
            time.sleep(self.seconds)
            yield checked


def load(config: Config) -> Assistant:
    """The assistant; its library holds photos from the start."""
    assistant = build(config.data, home="spaces/colours")
    if not assistant.store.counts().sources:
        fill(assistant, config.data.parent / "photos")
        for number in range(int(os.environ.get("BARE", "0"))):
            put_photo(assistant.store, config.data.parent / "photos" / f"{number}.png")
    assistant.check_rules = Slow(assistant, float(os.environ.get("SECONDS", "0")))  # type: ignore[method-assign]
    return assistant


if __name__ == "__main__":
    app.leave(app.main(sys.argv[1:], load=load))
