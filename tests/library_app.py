"""A page over a real library whose towers know colours only, and take their time: no weights, and work to see.

    python tests/library_app.py --port 8001 --data /tmp/library

SECONDS= is how long each picture takes; OLLAMA_PORT= is where a model server is found, which is nowhere without it.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

from fakes import Parrot
from plan_help import planned_in
from rag_house import build
from slow_ingest import SlowSpace

import app
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.models import local_servers, server_trials
from deepseek_mm.models.loopback_client import ServerLimits


def load(config: Config) -> Assistant:
    """The assistant, its library at work."""
    space = SlowSpace(seconds=float(os.environ.get("SECONDS", "0.05")))
    assistant = build(config.data, lm=Parrot("It is a thing [1]."), space=space, home="spaces/colours")
    assistant.config = replace(assistant.config, serve=config.serve, accounts=config.accounts, oidc=config.oidc)
    assistant.planned = planned_in(config.data / "engines")
    assistant.library.start()
    return assistant


def main(argv: Sequence[str]) -> int:
    """Serve it as `python app.py` serves the real one."""
    port = os.environ.get("OLLAMA_PORT")
    limits = ServerLimits(ports=(("ollama", int(port)),) if port else ())
    server_trials.find_servers = lambda _: local_servers.find_servers(limits)
    return app.main(argv, load=load)


if __name__ == "__main__":
    app.leave(main(sys.argv[1:]))
