"""The page over a small repository with a bug, and a scripted model that mends it, for one test in a browser.

python tests/code_edits_app.py --port 8001 --data /tmp/library
"""

import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

from code_house import put_code
from coder_server import CoderHandler, CoderServer
from edit_house import FILES, FIX, SAID
from rag_house import build

import app
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.lm.backends.server_model import RemoteModel

OUTSIDE = [("read", {"path": "../../etc/passwd"})]


class Slow(CoderHandler):
    """Takes a moment for each step, as a model does."""

    def do_POST(self):
        time.sleep(0.5)
        super().do_POST()


def shop(config: Config) -> Assistant:
    """The files of `edit_house` lie in a folder beside the library."""
    server = CoderServer(FIX[0], OUTSIDE, FIX[1], [("run_tests", {})], SAID)
    server.RequestHandlerClass = Slow
    threading.Thread(target=server.serve_forever, daemon=True).start()
    folder = config.data.absolute().parent / "repo"
    assistant = build(config.data, url=server.url, name="coder-7b")
    serve = replace(config.serve, roots=str(folder))
    assistant.config = replace(assistant.config, sandbox=config.sandbox, serve=serve)
    put_code(assistant.store, folder, FILES, written=True)
    (folder / "pyproject.toml").write_text("")
    assistant.lm = RemoteModel("coder-7b", assistant.config.lm)
    return assistant


if __name__ == "__main__":
    app.leave(app.main(sys.argv[1:], load=shop))
