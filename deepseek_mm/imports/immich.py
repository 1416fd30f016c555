"""Photos out of Immich: folders of its storage template with its sidecars, or an archive of immich-go.

Immich keeps "IMG.jpg.xmp" beside a photo with description, rating, tags, time and place (docs.immich.app, "XMP
sidecars"). Albums stand in its database alone, and come along where the exporting program writes them: "immich-go
archive from-immich" (0.23 and later; its internal/assets/metadata.go) puts "IMG.jpg.JSON" beside each photo, with
albums, favourites, rating, tags, time and place; immich-export lays links into folders "albums/NAME". Its times are
those of the place with their zone, which is left out.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.dates import parse_moment
from deepseek_mm.imports.beside import read_beside
from deepseek_mm.imports.export_tree import ExportFile, ExportTree, read_json
from deepseek_mm.imports.records import ImportedPhoto, ImportPlan, add_albums, merge_facts
from deepseek_mm.imports.values import MOST_DESCRIPTION, list_names, one_line, read_place
from deepseek_mm.parse.xmp.sidecars import is_sidecar
from index.region import MOST_STARS, StatedFacts

KIND = "immich"
OWN = ("dateTaken", "fileDate", "favorited", "fileName")  # some of them stand in every JSON file of immich-go
LOOKED_AT = 40
ALBUMS = "albums"  # a folder of folders
MANIFEST = ("manifest.jsonl", "manifest-current.jsonl")  # of immich-export
LISTS = (*MANIFEST, "manifest.csv", "export-report.txt")
TRASHED = "lies in the trash there"
NOT_READ = "is of no kind that is read"


def is_immich(tree: ExportTree, config: ParseConfig) -> bool:
    """Whether immich-export has left its list, or immich-go its JSON files."""
    if any(file.name in MANIFEST for file in tree.files):
        return True
    named = [file for file in tree.files if file.name.lower().endswith(".json") and "." in file.stem]
    told = (read_json(file.path, config) for file in named[:LOOKED_AT])
    return any(each is not None and sum(name in each for name in OWN) > 1 for each in told)


def read_immich(tree: ExportTree, config: ParseConfig) -> ImportPlan:
    """All photos and videos of it, with what their sidecars and JSON files say."""
    told, left_out = dict[str, tuple[str, dict[str, Any]]](), list(tree.left_out)
    for file in tree.files:
        if file.is_photo or is_sidecar(file.path) or file.name in LISTS:
            continue
        said = read_json(file.path, config) if file.name.lower().endswith(".json") else None
        if said is None:
            left_out.append((file.path, NOT_READ))
        else:
            told[os.path.splitext(file.path)[0]] = (file.path, said)
    photos = list[ImportedPhoto]()
    for file in tree.photos:
        path, said = told.get(file.path, ("", {}))
        if said.get("trashed") is True:
            left_out.append((file.path, TRASHED))
        else:
            photos.append(join_tellers(read_beside(file.path, config), path, said))
    return ImportPlan(kind=KIND, photos=tuple(add_albums(photos, link_albums(tree))), left_out=tuple(left_out))


def join_tellers(beside: ImportedPhoto, path: str, said: Mapping[str, Any]) -> ImportedPhoto:
    """What a JSON file says first, and what a sidecar says besides."""
    if not path:
        return beside
    return replace(beside, told_by=path, facts=merge_facts(read_facts(said), beside.facts))


def read_facts(said: Mapping[str, Any]) -> StatedFacts:
    """What a JSON file of immich-go says."""
    latitude, longitude = read_place(said) or (None, None)
    taken = said.get("dateTaken")
    rating = said.get("rating")
    return StatedFacts(
        description=one_line(said.get("description"), MOST_DESCRIPTION),
        keywords=list_names(said.get("tags"), ("name", "value")),
        albums=list_names(said.get("albums"), ("title", "albumName")),
        taken_at=parse_moment(taken) if isinstance(taken, str) else None,
        latitude=latitude,
        longitude=longitude,
        stars=rating if type(rating) is int and 0 <= rating <= MOST_STARS else 0,
        is_favourite=said.get("favorited") is True,
    )


def link_albums(tree: ExportTree) -> dict[str, list[str]]:
    """Path of a photo -> the albums in whose folders a link to it lies."""
    found: dict[str, list[str]] = {}
    for link in tree.links:
        if (name := album_of(link)) and (target := os.path.realpath(link.path)):
            found.setdefault(target, []).append(name)
    for file in tree.photos:
        if name := album_of(file):
            found.setdefault(file.path, []).append(name)
    return found


def album_of(file: ExportFile) -> str:
    """The album whose folder a file or a link lies in."""
    above, _, name = file.folder.rpartition("/")
    return name if above.rpartition("/")[2] == ALBUMS else ""
