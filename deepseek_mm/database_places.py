"""Where the databases of a library lie: in files of its folder, or on the server that `storage.url` names."""

from dataclasses import dataclass

from deepseek_mm.config import Config
from deepseek_mm.storage.places import Place, ServerPlace
from deepseek_mm.storage.server_schemas import ServerSchemas

SPACE = "space_"  # begins the name of an index on a server


@dataclass(frozen=True, kw_only=True, slots=True)
class SpacePlace:
    """Where the index of one vector space lies."""

    name: str  # of its folder: the space's name and the begin of its fingerprint
    place: Place


def place_of(config: Config, name: str) -> Place:
    """Where the database of this name lies: "history", "jobs" or "accounts"."""
    return server_place(config, name) or config.data / f"{name}.db"


def server_place(config: Config, name: str) -> ServerPlace | None:
    """The same on the server; None where the library keeps files."""
    storage = config.storage
    return ServerPlace(url=storage.url, name=f"{storage.prefix}_{name}") if storage.url else None


def space_places(config: Config) -> list[SpacePlace]:
    """Every index of the library, by name."""
    if not config.storage.url:
        files = sorted((config.data / "spaces").glob("*/store.db"))
        return [SpacePlace(name=file.parent.name, place=file) for file in files]
    with ServerSchemas(config.storage.url) as schemas:
        names = schemas.list_names(f"{config.storage.prefix}_{SPACE}")
        spaces = {schemas.name_space(name): name for name in names}
    return [
        SpacePlace(name=space, place=ServerPlace(url=config.storage.url, name=name))
        for space, name in sorted(spaces.items())
        if space
    ]
