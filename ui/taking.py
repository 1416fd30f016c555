"""Things of the library taken along into a question: copies of their pictures, or a file's name where none is."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from deepseek_mm import Assistant, DeepSeekMMError
from index import Region
from ui.ask_handlers import Entry
from ui.exhibits import is_drawn

MOST = 8  # pictures of one question


def entry_about(assistant: Assistant, regions: Sequence[Region], folder: Path) -> Entry:
    """What the question box holds when these are asked about; copies lie in `folder`, which Gradio may serve from.

    Pictures that cannot be read any more are left out.
    """
    files = [str(path) for region in regions[:MOST] if (path := _copy(assistant, region, folder)) is not None]
    named = next((region.source.name for region in regions if not is_drawn(region)), "")
    return {"text": f"{named}: " if named and not files else "", "files": files}


def question_about(regions: Sequence[Region]) -> str:
    """A question about pieces of code, by their names and files."""
    named = [f"`{each.symbol.path}` @{each.source.name}" if each.symbol else f"@{each.source.name}" for each in regions]
    return f"Explain {', '.join(dict.fromkeys(named[:MOST]))}"


def _copy(assistant: Assistant, region: Region, folder: Path) -> Path | None:
    if not is_drawn(region):
        return None
    source = region.source
    key = hashlib.sha256(f"{source.path}\0{source.digest}\0{region.page}".encode("utf-8", "surrogateescape"))
    target = (
        folder
        / key.hexdigest()[:24]
        / (f"{Path(source.name).stem}.png" if region.page else source.name.replace("..", "_"))
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not region.page and Path(source.path).is_file():
            target.write_bytes(assistant.original(source))  # with its date and place
        else:
            assistant.picture(source, region.page).save(target, "PNG")
    except (DeepSeekMMError, OSError, ValueError):  # gone or damaged since it was indexed
        return None
    return target
