"""A page over a small library whose worker downloads models, from the hub that HF_ENDPOINT names.

HF_ENDPOINT=http://127.0.0.1:9999 python tests/models_app.py --port 8001 --data /tmp/library
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

from fakes import Parrot
from plan_help import planned_in
from rag_house import build

import app
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import Config
from deepseek_mm.models import states
from deepseek_mm.models.catalogue import find_card
from deepseek_mm.models.downloads import Downloads, HubPermission
from deepseek_mm.services import model_exchange

SMALL = "HuggingFaceTB/SmolVLM-256M-Instruct"  # recommended, whatever the machine


def load(config: Config) -> Assistant:
    """The assistant, its library at work."""
    assistant = build(config.data, lm=Parrot("It is a thing [1]."), home="spaces/colours")
    assistant.config = replace(assistant.config, serve=config.serve, hub=config.hub)
    assistant.planned = planned_in(config.data / "engines")
    jobs, permission = assistant.library.jobs, HubPermission.of(assistant.config)
    assistant.library.crew.add(Downloads(config=assistant.config, jobs=jobs, permission=permission).handlers)
    assistant.library.start()
    vars(model_exchange)["open_beside"] = lambda config, plan: Parrot("Red")  # whatever weights the hub has given
    vars(states)["recommend"] = lambda cards, hardware, *, free_disk_mb: find_card(SMALL)
    return assistant


def main(argv: Sequence[str]) -> int:
    """Serve it as `python app.py` serves the real one."""
    return app.main(argv, load=load)


if __name__ == "__main__":
    app.leave(main(sys.argv[1:]))
