"""Google Takeout: photos with a JSON file beside each, in folders by year and by album.

The JSON file of a photo is called like the photo with ".json" behind it, or ".supplemental-metadata.json"; what stands
before ".json" is cut after 46 characters. A number that tells two photos of one name apart stands at the end of it:
"IMG(1).jpg" has "IMG.jpg(1).json" or "IMG.jpg.supplemental-metadata(1).json". Edited copies ("IMG-edited.jpg", in the
language of whoever exported) and the films of live photos have none of their own and take that of their original.

An album is a folder with a JSON file of its own ("metadata.json", in that language), which has a title and no time. A
photo in an album lies in the folder of its year as well, as a copy. Times are UTC. A place of 0, 0 is none.

Google documents none of this; sources: ente's pull request 4956, PhotoPrism's issue 2133, GooglePhotosTakeoutHelper's
issue 353 and pull request 449, on GitHub.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from deepseek_mm.config import ParseConfig
from deepseek_mm.imports.export_tree import ExportFile, ExportTree, read_json
from deepseek_mm.imports.records import ImportedPhoto, ImportPlan, LeftOutFile
from deepseek_mm.imports.values import MOST_DESCRIPTION, list_names, one_line, read_place
from index.region import VIDEO_FORMATS, StatedFacts

KIND = "takeout"
JSON, ADDED = ".json", ".supplemental-metadata"
MOST_NAME = 46  # characters of a JSON file's name before ".json" and its number
LOOKED_AT = 40  # JSON files that are opened to see whether it is one
NUMBERED = re.compile(r"(.+?)(\(\d+\))(\.[^.]*)?")  # "IMG(1).jpg"
NUMBERED_JSON = re.compile(r"(.+?)(\(\d+\))?")  # "IMG.jpg(1)"
EDITED = (
    "-edited", "-effects", "-smile", "-mix", "-bearbeitet", "-modifi\u00e9", "-modifie", "-editado", "-editada",
    "-modificato", "-bewerkt", "-edytowane", "-redigerad", "-redigeret", "-muokattu", "-\u7f16\u8f91",
    "-\u5df2\u4fee\u6539", "-\u5df2\u7de8\u8f2f", "-\u7de8\u96c6\u6e08\u307f", "-\uc218\uc815\ub428",
    "-\u0438\u0437\u043c\u0435\u043d\u0435\u043d\u043e", "-\u043e\u0442\u0440\u0435\u0434\u0430\u043a\u0442\u0438"
    "\u0440\u043e\u0432\u0430\u043d\u043e", "-ha edit", "-ha editado",
)  # fmt: skip
YEARS = re.compile(
    r"(?:photos from|fotos (?:von|de|uit|aus)|photos de|foto (?:dal|del|da)|zdj\u0119cia z"
    r"|\u0444\u043e\u0442\u043e \u0437\u0430) \d{4}",
    re.IGNORECASE,
)
EPOCH = datetime(1970, 1, 1)
OTHER = {"print-subscriptions", "shared_album_comments", "user-generated-memory-titles"}  # lists that are no photo's
TRASHED = "lies in the trash there"
NO_PHOTO = "says something of a photo that is not there"
NO_TELLER = "is a list of Google's that belongs to no photo"
NOT_READ = "is of no kind that is read"
Told = dict[str, tuple[str, dict[str, Any]]]  # name of a JSON file without ".json" -> its path, and what it says


def is_takeout(tree: ExportTree, config: ParseConfig) -> bool:
    """Whether one of its first JSON files says when a photo was taken."""
    named = [file for file in tree.files if file.name.lower().endswith(JSON)]
    told = (read_json(file.path, config) for file in named[:LOOKED_AT])
    return any(each is not None and "photoTakenTime" in each for each in told)


def read_takeout(tree: ExportTree, config: ParseConfig) -> ImportPlan:
    """All photos and videos of it, with what is said of each."""
    photos, left_out = list[ImportedPhoto](), list(tree.left_out)
    for files in tree.folders.values():
        found, others = read_folder(files, config)
        photos += found
        left_out += others
    return ImportPlan(kind=KIND, photos=tuple(sorted(photos, key=lambda photo: photo.path)), left_out=tuple(left_out))


def read_folder(files: Sequence[ExportFile], config: ParseConfig) -> tuple[list[ImportedPhoto], list[LeftOutFile]]:
    """The photos of one folder, and what is not taken of it."""
    told, albums, left_out = read_tellers(files, config)
    used, photos = set[str](), list[ImportedPhoto]()
    for file in files:
        if not file.is_photo:
            continue
        teller, said = told.get(find_teller(file.name, told), ("", {}))
        used.add(teller)
        if said.get("trashed") is True:
            left_out.append((file.path, TRASHED))
            continue
        facts = read_facts(said, albums)
        photos.append(ImportedPhoto(path=file.path, told_by=teller or (albums and file.path) or "", facts=facts))
    left_out += [(path, NO_PHOTO) for path, _ in told.values() if path not in used]
    others = (file for file in files if not file.is_photo and not file.name.lower().endswith((JSON, ".html")))
    left_out += [(file.path, NOT_READ) for file in others]
    return photos, left_out


def read_tellers(files: Sequence[ExportFile], config: ParseConfig) -> tuple[Told, tuple[str, ...], list[LeftOutFile]]:
    """What the JSON files of a folder say of photos, which album it is, and what else there is."""
    told, albums, left_out = Told(), list[str](), list[LeftOutFile]()
    for file in files:
        if not file.name.lower().endswith(JSON):
            continue
        said = read_json(file.path, config)
        if said is not None and "photoTakenTime" in said:
            told[file.stem] = (file.path, said)
        elif said is not None and (title := album_title(said, file.stem)):
            albums.append(title)
        elif said is None or not is_album(said, file.stem):
            left_out.append((file.path, NO_TELLER))
    return told, tuple(dict.fromkeys(albums)), left_out


def is_album(said: Mapping[str, Any], stem: str) -> bool:
    """Whether a JSON file is that of a folder."""
    return stem not in OTHER and ("title" in said or "albumData" in said)


def album_title(said: Mapping[str, Any], stem: str) -> str:
    """The name of the album that a folder's JSON file speaks of; "" of a year, of one without a name, and of others."""
    within = said.get("albumData")
    title = within.get("title") if isinstance(within, dict) else said.get("title")
    name = one_line(title) if is_album(said, stem) else ""
    return "" if YEARS.fullmatch(name) else name


def find_teller(name: str, told: Mapping[str, Any]) -> str:
    """Which JSON file speaks of the photo of this name, without its ".json"; "" if none does."""
    names = [name, *originals_of(name)]
    exact = (stem for each in names for stem in spell_tellers(each) if stem in told)
    cut = (stem for each in names if (stem := find_cut(each, told)))
    return next(exact, "") or next(cut, "") or find_film(name, told)


def spell_tellers(name: str) -> Iterator[str]:
    """The names that the JSON file of a photo may have, without ".json"."""
    numbered = NUMBERED.fullmatch(name)
    plain, number = (numbered[1] + (numbered[3] or ""), numbered[2]) if numbered else (name, "")
    for stem, end in dict.fromkeys([(plain, number), (name, "")]):
        yield (stem + ADDED)[:MOST_NAME] + end
        yield stem[:MOST_NAME] + end


def originals_of(name: str) -> Iterator[str]:
    """The names that the original of an edited copy may have."""
    stem, dot, ending = name.rpartition(".")
    numbered = NUMBERED.fullmatch(stem)
    plain, number = (numbered[1], numbered[2]) if numbered else (stem, "")
    for word in EDITED:
        if plain.lower().endswith(word):
            yield f"{plain[: -len(word)]}{number}{dot}{ending}"


def find_cut(name: str, told: Mapping[str, Any]) -> str:
    """A JSON file whose name was cut elsewhere: all of it begins the photo's name with what may follow."""
    numbered = NUMBERED.fullmatch(name)
    plain, number = (numbered[1] + (numbered[3] or ""), numbered[2]) if numbered else (name, "")
    least = min(MOST_NAME - 1, len(plain.rpartition(".")[0]))
    for stem in told:
        cut = NUMBERED_JSON.fullmatch(stem)
        if cut and (cut[2] or "") == number and len(cut[1]) >= least and (plain + ADDED).startswith(cut[1].rstrip(".")):
            return stem
    return ""


def find_film(name: str, told: Mapping[str, Any]) -> str:
    """The JSON file of the picture that a film belongs to, by its name without the ending: "IMG.MP4", "IMG.HEIC"."""
    stem, _, ending = name.lower().rpartition(".")
    is_film = bool(stem) and ending in (*VIDEO_FORMATS, "mp")
    return next((each for each in told if each.lower().startswith(f"{stem}.")), "") if is_film else ""


def read_facts(said: Mapping[str, Any], albums: tuple[str, ...]) -> StatedFacts:
    """What a JSON file says of a photo in these albums."""
    latitude, longitude = read_place(said.get("geoData")) or read_place(said.get("geoDataExif")) or (None, None)
    return StatedFacts(
        description=one_line(said.get("description"), MOST_DESCRIPTION),
        people=list_names(said.get("people"), ("name",)),
        albums=albums,
        taken_at=read_time(said.get("photoTakenTime")),
        latitude=latitude,
        longitude=longitude,
        is_favourite=said.get("favorited") is True,
    )


def read_time(told: Any) -> datetime | None:
    """Seconds since 1970 as a moment in UTC; None for anything else."""
    try:
        return EPOCH + timedelta(seconds=int(told["timestamp"]))
    except (TypeError, KeyError, ValueError, OverflowError):
        return None
