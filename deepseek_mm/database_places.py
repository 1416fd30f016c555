"""Where the databases of a library lie: in files of its folder, or on the server that `storage.url` names."""

from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_mm.config import Config
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.storage.places import Place, ServerPlace
from deepseek_mm.storage.server_schemas import ServerSchemas
from deepseek_mm.storage_config import ON_SERVER, StorageConfig

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


def mark_folder(config: Config) -> None:
    """Have the folder of a library on a server be known as one, so that nobody takes its uploads for photos."""
    mark = config.data / ON_SERVER
    if config.storage.url and not mark.exists():
        atomic_write(mark, b"The index, history, jobs and accounts of this library lie on the server of storage.url.\n")


def keep_in_files(config: Config, data: Path) -> Config:
    """The settings for a library of files in this folder, such as one that is made for a trial and goes again."""
    return replace(config, data=data, storage=StorageConfig())


def space_of(config: Config, name: str) -> SpacePlace:
    """Where the index of this name lies, or would lie."""
    place = server_place(config, f"{SPACE}{name.rpartition('-')[2]}")
    return SpacePlace(name=name, place=place or config.data / "spaces" / name / "store.db")


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
