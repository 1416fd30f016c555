"""A small service over painted photos, for tests that kill it:  python tests/killed_service.py FOLDER PORT"""

import sys
import time
from pathlib import Path

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

import uvicorn
from rag_house import build
from serve_help import As

from deepseek_mm.api.app import build_api
from deepseek_mm.settings_file import SettingsFile

PAUSE_S = 0.02  # between two pieces of an answer, so that a kill finds some under way


class Slow:
    """Speaks with pauses."""

    name, fingerprint, sees = "slow", "slow", False

    def stream(self, messages, *, max_tokens, stop):
        for word in ("I ", "can ", "see ", "it ", "[1]."):
            time.sleep(PAUSE_S)
            yield word


def main(folder: Path, port: int) -> None:
    """Until it is killed."""
    assistant = build(folder, lm=Slow())
    assistant.library.start()
    api = build_api(assistant, SettingsFile.of(assistant.config))
    api.start()
    uvicorn.run(As(api.app), host="127.0.0.1", port=port, log_level="critical")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
