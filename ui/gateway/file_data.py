"""Data of events, walked for whatever names a file.

A browser names a file by an object with `path`, perhaps with `url`, `orig_name` and others; of such an object nothing
but the id in `path` counts. What an event returns names files in the same way.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ui.gateway.files import NoSuchFile, PageFile

META = {"_type": "gradio.FileData"}  # how Gradio marks an object that names a file
MARKS = frozenset(("path", "url", "meta", "orig_name", "is_stream"))  # one of these, and it is taken for one
DEPTH = 20  # objects and lists within each other that a browser may send

Find = Callable[[object], PageFile]  # by an id; NoSuchFile where it is none
Keep = Callable[[Path, str], PageFile]  # gives a file of this name an id


def resolve_files(sent: Any, find: Find, *, depth: int = 0) -> Any:
    """What a browser sent, each file by where it lies. NoSuchFile if it names one in another way than by an id.

    No address is fetched and no path is read: whatever else the browser says of a file is left out.
    """
    if depth > DEPTH:
        raise NoSuchFile(f"what was sent is nested more than {DEPTH} levels deep. Reload the page")
    if isinstance(sent, Mapping):
        if MARKS & sent.keys():
            return to_file_data(find(sent.get("path")))
        return {key: resolve_files(each, find, depth=depth + 1) for key, each in sent.items()}
    if isinstance(sent, (list, tuple)):
        return [resolve_files(each, find, depth=depth + 1) for each in sent]
    return sent


def register_files(returned: Any, keep: Keep) -> Any:
    """What an event returns, each file by an id instead of where it lies."""
    if isinstance(returned, Mapping):
        if returned.get("meta") == META and isinstance(returned.get("path"), str):
            return _with_id(returned, keep)
        return {key: register_files(each, keep) for key, each in returned.items()}
    if isinstance(returned, (list, tuple)):
        return [register_files(each, keep) for each in returned]
    return returned


def to_file_data(file: PageFile) -> dict[str, Any]:
    """The object that names a file to Gradio."""
    return {
        "path": str(file.path),
        "orig_name": file.name,
        "size": file.size_bytes,
        "is_stream": False,
        "meta": dict(META),
    }


def _with_id(returned: Mapping[str, Any], keep: Keep) -> dict[str, Any]:
    file = keep(Path(returned["path"]), str(returned.get("orig_name") or ""))
    before, found, _ = str(returned.get("url") or "").partition("file=")
    return {**returned, "path": file.id, "url": f"{before}file={file.id}" if found else None}
