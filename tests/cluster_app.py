"""One server of a library on PostgreSQL, around a space of colours:

python tests/cluster_app.py URL PREFIX DATA PORT
"""

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

from cluster_help import ServerHouse
from killed_service import Slow

from deepseek_mm.accounts.shared_access import SharedAccess
from deepseek_mm.api.app import build_api
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.api.server import build_server, lock_library, open_socket
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import ServeConfig
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.settings_file import SettingsFile


def build_assistant(house: ServerHouse) -> Assistant:
    """An assistant over the library, which speaks slowly."""
    config = replace(house.config, lm=replace(house.config.lm, phrasing="free"))
    eyes = house.library.filling.eyes
    retriever = Retriever(house.space, house.store, eyes, config)
    return Assistant(config, eyes=eyes, retriever=retriever, library=house.library, lm=Slow(), history=house.history)


def main(url: str, prefix: str, data: str, port: str) -> None:
    """Until it is killed."""
    with (
        lock_library(Path(data), is_shared=True),
        closing(ServerHouse(url, Path(data), prefix=prefix, workers=True)) as house,
    ):
        house.config = replace(house.config, serve=ServeConfig(port=int(port), keys="always", roots="/"))
        assistant = build_assistant(house)
        assistant.library.start()
        api = build_api(assistant, SettingsFile.of(assistant.config))
        api.start()
        shared = SharedAccess.of(assistant.config)
        app = guard_app(api.app, assistant.config, shared.keys)
        with open_socket(assistant.config.serve) as sock:
            build_server(app, assistant.config.serve, hush=len, room=api.room).run(sockets=[sock])


if __name__ == "__main__":
    main(*sys.argv[1:])
