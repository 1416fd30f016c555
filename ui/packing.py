"""Chosen results as one ZIP, said in the page's words."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from deepseek_mm import Packed, pack_chosen
from ui.edges import BadPath
from ui.exhibits import EvidenceItem
from ui.pictures import Picture
from ui.words import Words


def pack(chosen: Sequence[EvidenceItem], folder: Path, *, picture: Picture, words: Words) -> Iterator[Packed]:
    """Write them into a new file below `folder`, one after the other. BadPath if the disk does not take it."""
    try:
        cited = [each.citation for each in chosen]
        yield from pack_chosen(cited, folder, picture=picture, gone=words.export_gone)
    except OSError as error:
        raise BadPath(words.export_failed.format(error=error.strerror or error)) from error
