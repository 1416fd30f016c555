"""Photos exported by Apple Photos: folders by album or by moment, with a sidecar beside each original.

"File > Export > Export Unmodified Originals" with "Export IPTC as XMP" writes "IMG_1234.HEIC" and "IMG_1234.xmp", in
folders that are called like the moments ("Pisa, 4 May 2019") or, where one album after the other was exported, as their
user named them. Title, description, keywords, place and time stand in the sidecars; who is a favourite does not come
along. What was edited may lie beside it as "IMG_E1234.JPG", with the edit itself as "IMG_1234.AAE".

Sources: pages of others about such exports, and what people show of theirs; no real export was at hand.
"""

import re
from collections.abc import Sequence

from deepseek_mm.config import ParseConfig
from deepseek_mm.imports.beside import read_beside
from deepseek_mm.imports.export_tree import ExportFile, ExportTree
from deepseek_mm.imports.records import ImportedPhoto, ImportPlan, LeftOutFile, add_albums
from deepseek_mm.parse.xmp.sidecars import is_sidecar

KIND = "apple"
EDIT = ".aae"
EDITED = re.compile(r"(.*IMG_)E(\d+)", re.IGNORECASE)  # how iPhones call the edited one beside an original
DATED = re.compile(r"(?:.*, )?(?:\d{1,2} \w+ \d{4}|\w+ \d{1,2}, \d{4}|\d{4}-\d{2}-\d{2}|\d{4})", re.DOTALL)
EDIT_LEFT_OUT = "says how Apple Photos has edited a photo, which only that program can do again"
NOT_READ = "is of no kind that is read"


def is_apple(tree: ExportTree, config: ParseConfig) -> bool:
    """Whether an edit, or an edited copy, of Apple's lies there."""
    return any(file.name.lower().endswith(EDIT) or EDITED.fullmatch(file.stem) for file in tree.files)


def read_apple(tree: ExportTree, config: ParseConfig) -> ImportPlan:
    """All photos and videos of it, with what their sidecars say, in albums called like their folders."""
    photos = [photo for files in tree.folders.values() for photo in read_folder(files, config)]
    albums = {file.path: [name] for file in tree.photos if (name := name_album(file.folder))}
    left_out = [*tree.left_out, *(row for file in tree.files for row in explain_left_out(file))]
    return ImportPlan(kind=KIND, photos=tuple(add_albums(photos, albums)), left_out=tuple(left_out))


def read_folder(files: Sequence[ExportFile], config: ParseConfig) -> list[ImportedPhoto]:
    """The photos of one folder; an edited one without a sidecar has what is said of its original."""
    photos = {file: read_beside(file.path, config) for file in files if file.is_photo}
    by_stem = {file.stem.lower(): photo for file, photo in photos.items() if photo.told_by}
    found = []
    for file, photo in photos.items():
        edited = EDITED.fullmatch(file.stem)
        original = by_stem.get(f"{edited[1]}{edited[2]}".lower()) if edited and not photo.told_by else None
        taken = original or photo
        found.append(ImportedPhoto(path=photo.path, told_by=taken.told_by, facts=taken.facts))
    return found


def name_album(folder: str) -> str:
    """The album that a folder stands for; "" of the top, and of a moment."""
    name = " ".join(folder.rpartition("/")[2].split())
    return "" if DATED.fullmatch(name) else name


def explain_left_out(file: ExportFile) -> list[LeftOutFile]:
    """Why a file is not taken, as a row; none of what is."""
    if file.is_photo or is_sidecar(file.path):
        return []
    return [(file.path, EDIT_LEFT_OUT if file.name.lower().endswith(EDIT) else NOT_READ)]
