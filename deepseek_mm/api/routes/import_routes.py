"""/library/import /sidecars and /export: what other programs say of photos, and what is said here, for them to read."""

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Librarian, OurServices
from deepseek_mm.api.schemas import Body, JobOut, Number, PathIn, Text, Typed
from deepseek_mm.imports import ImportPreview

MOST_CHOSEN = 10_000  # photos at once
MOST_PATHS = 1000  # folders and archives of one export


class ImportIn(Body):
    """What another program exported: a folder, or the archives of it."""

    paths: list[PathIn] = Field(min_length=1, max_length=MOST_PATHS, examples=[["/home/me/Takeout"]])
    kind: Typed = Field(
        default="",
        max_length=20,
        description="export, takeout, apple, immich or digikam; empty is found out",
        examples=[""],
    )


class SidecarsIn(Body):
    """Photos beside which is written what somebody said of them here."""

    sources: list[Number] = Field(default=[], max_length=MOST_CHOSEN, description="empty: all", examples=[[7]])
    dry_run: bool = Field(default=False, description="only count what would be written")


class ExportIn(Body):
    """A folder of the server's machine, new or empty."""

    folder: PathIn = Field(examples=["/home/me/everything"])


class UnimportedFileOut(BaseModel):
    """A file that is not taken."""

    path: Text
    reason: Text = Field(description="the end of a sentence that begins with the path")


class ImportPreviewOut(BaseModel):
    """What an import would do."""

    kind: Text = Field(examples=["takeout"])
    files: int = Field(description="photos and videos")
    new: int
    known: int = Field(description="whose bytes the library has")
    unmatched: int = Field(description="of which the export says nothing")
    dates: int
    places: int
    favourites: int
    rated: int = Field(description="with stars")
    described: int
    named: int = Field(description="with names of people")
    albums: dict[str, int] = Field(description="name -> photos", examples=[{"Pisa": 12}])
    new_albums: list[Text]
    left_out: list[UnimportedFileOut] = Field(description="the first of those that are not taken")
    num_left_out: int
    without_facts: list[Text] = Field(description="the first photos of which nothing is said")

    @classmethod
    def of(cls, preview: ImportPreview) -> Self:
        """As JSON says it."""
        left_out = [{"path": path, "reason": reason} for path, reason in preview.left_out]
        return cls(**preview.as_json() | {"left_out": left_out})


router = APIRouter(tags=["library"], responses=DECLARED)


@router.post("/library/import/preview")
def preview_import(services: OurServices, asked: ImportIn, caller: Librarian) -> ImportPreviewOut:
    """Say what taking an export in would do; nothing is changed."""
    return ImportPreviewOut.of(services.library.preview_import(caller, asked.paths, kind=asked.kind))


@router.post("/library/import", status_code=202)
def begin_import(services: OurServices, asked: ImportIn, caller: Librarian) -> JobOut:
    """Take an export in with its albums, dates, places, favourites and words."""
    return JobOut.of(services.library.begin_import(caller, asked.paths, kind=asked.kind))


@router.post("/library/sidecars", status_code=202)
def write_sidecars(services: OurServices, asked: SidecarsIn, caller: Librarian) -> JobOut:
    """Write descriptions, stars, favourites and albums of photos into XMP sidecars beside them."""
    return JobOut.of(services.library.write_sidecars(caller, asked.sources, dry_run=asked.dry_run))


@router.post("/library/export", status_code=202)
def export_everything(services: OurServices, asked: ExportIn, caller: Librarian) -> JobOut:
    """Copy all files into a folder, with sidecars, albums, and the caller's conversations; an import takes it back."""
    return JobOut.of(services.library.export_everything(caller, asked.folder))
