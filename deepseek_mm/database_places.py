"""Where the databases of a library lie: in files of its folder, or on the server that `storage.url` names."""

from deepseek_mm.config import Config
from deepseek_mm.storage.places import Place, ServerPlace


def place_of(config: Config, name: str) -> Place:
    """Where the database of this name lies: "history", "jobs" or "accounts"."""
    return server_place(config, name) or config.data / f"{name}.db"


def server_place(config: Config, name: str) -> ServerPlace | None:
    """The same on the server; None where the library keeps files."""
    storage = config.storage
    return ServerPlace(url=storage.url, name=f"{storage.prefix}_{name}") if storage.url else None
