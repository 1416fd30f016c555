"""What the sidecar beside a photo of an export says, as the statement of the program that wrote it."""

from dataclasses import replace

from deepseek_mm.config import ParseConfig
from deepseek_mm.imports.records import ImportedPhoto
from deepseek_mm.parse.xmp.sidecars import read_sidecar


def read_beside(path: str, config: ParseConfig) -> ImportedPhoto:
    """The photo at `path` with what its sidecar says, the boxes left out: they are read with the photo itself."""
    beside = read_sidecar(path, config)
    if beside is None:
        return ImportedPhoto(path=path)
    facts = replace(beside.facts, people=beside.facts.names, boxes=())
    return ImportedPhoto(path=path, told_by=beside.path, facts=facts)
