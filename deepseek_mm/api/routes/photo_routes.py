"""/photos and /albums: photos by month, place and thing, what somebody said of them, and albums."""

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, Librarian, OurServices, Page, Paged
from deepseek_mm.api.routes.library_routes import SAFE, download, read_pieces
from deepseek_mm.api.schemas import Body, Number, SourceOut, Text, Typed
from deepseek_mm.services.photo_service import MOST_LETTERS, MOST_SHARED
from index.region import MOST_STARS, Album, GroupCount, Order, Rating

MOST_CHOSEN = 1000  # photos at once
View = Annotated[
    Typed, Query(max_length=1000, description="operators of the search box", examples=["album:Pisa is:favourite"])
]
Chosen = Annotated[list[Number], Field(min_length=1, max_length=MOST_CHOSEN, examples=[[7]])]
Name = Annotated[Typed, Field(min_length=1, max_length=MOST_LETTERS, examples=["Pisa"])]


class MonthOut(BaseModel):
    """A month, and how many photos were taken in it."""

    year: int = Field(description="0: without a date", examples=[2024])
    month: int = Field(description="1 to 12; 0: without a date", examples=[5])
    sources: int = Field(examples=[12])


class GroupOut(BaseModel):
    """What photos have in common."""

    name: Text = Field(examples=["Pisa, Tuscany, Italy, Europe"])
    sources: int = Field(examples=[12])
    cover: int = Field(description="a photo that stands for it", examples=[7])

    @classmethod
    def of(cls, group: GroupCount) -> Self:
        """As JSON says it."""
        return cls(name=group.name, sources=group.sources, cover=group.cover)


class PhotoRatingOut(BaseModel):
    """What somebody said of a photo."""

    favourite: bool
    stars: int = Field(description="1 to 5; 0 is none")
    albums: list[Text] = Field(description="that it is in")

    @classmethod
    def of(cls, rating: Rating, albums: list[str]) -> Self:
        """As JSON says it."""
        return cls(favourite=rating.is_favourite, stars=rating.stars, albums=albums)


class PhotoRatingIn(Body):
    """What to say of photos; null leaves as it is."""

    sources: Chosen
    favourite: bool | None = None
    stars: Annotated[int, Field(ge=0, le=MOST_STARS)] | None = Field(default=None, description="0 takes them away")


class AlbumOut(BaseModel):
    """Photos that somebody put together."""

    id: int
    name: Text
    sources: int = Field(description="that are in the library now")
    cover: int | None = Field(description="a photo that stands for it; null: it is empty")

    @classmethod
    def of(cls, album: Album) -> Self:
        """As JSON says it."""
        cover = album.cover.id if album.cover else None
        return cls(id=album.id, name=album.name, sources=album.sources, cover=cover)


class AlbumIn(Body):
    """Photos, and the album that they go into."""

    name: Name = Field(description="a new one is made")
    sources: list[Number] = Field(default=[], max_length=MOST_CHOSEN, examples=[[7]])


class AlbumChangeIn(Body):
    """What becomes of an album; null leaves as it is."""

    name: Name | None = None
    cover: Number | None = Field(default=None, description="one of its photos")
    first: list[Number] = Field(default=[], max_length=MOST_CHOSEN, description="its photos that come first, in order")


class ShareIn(Body):
    """Photos that shall be shared as one file."""

    sources: Annotated[list[Number], Field(min_length=1, max_length=MOST_SHARED, examples=[[7]])]
    kind: Literal["html", "zip"] = Field(default="html", description="small copies on one page, or the files")
    title: Annotated[Typed, Field(max_length=MOST_LETTERS, examples=["Pisa"])] = ""
    places: bool = Field(default=False, description="whether it says where they were taken")
    language: Literal["en", "zh"] = "en"


class CountedOut(BaseModel):
    """How many photos it concerned."""

    sources: int


FILES: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}, "application/zip": {}}}}
router = APIRouter(tags=["photos"], responses=DECLARED)


@router.get("/photos")
def photos(
    services: OurServices, page: Paged, caller: Asker, view: View = "", order: Order = "newest"
) -> Page[SourceOut]:
    """Photos that operators of the search box allow, such as those of an album."""
    where = services.photos.read_view(caller, view)
    found = services.photos.list_photos(caller, where, order=order, start=page.offset, limit=page.limit)
    total = sum(month.sources for month in services.photos.count_months(caller, where))
    return Page[SourceOut].of(page, [SourceOut.of(source) for source in found], total)


@router.get("/photos/months")
def months(services: OurServices, caller: Asker, view: View = "") -> list[MonthOut]:
    """The months that photos were taken in, the newest first; those without a date are last."""
    counted = services.photos.count_months(caller, services.photos.read_view(caller, view))
    return [MonthOut(year=each.year, month=each.month, sources=each.sources) for each in counted]


@router.get("/photos/places")
def places(services: OurServices, caller: Asker, view: View = "") -> list[GroupOut]:
    """The places where photos were taken, most photos first."""
    return list(map(GroupOut.of, services.photos.count_places(caller, services.photos.read_view(caller, view))))


@router.get("/photos/things")
def things(services: OurServices, caller: Asker, view: View = "") -> list[GroupOut]:
    """What photos show most often."""
    return list(map(GroupOut.of, services.photos.count_things(caller, services.photos.read_view(caller, view))))


@router.get("/photos/{source}/rating")
def rating(services: OurServices, source: Number, caller: Asker) -> PhotoRatingOut:
    """Whether a photo is a favourite, its stars, and the albums that it is in."""
    found = services.library.find_source(caller, source)
    said = services.photos.read_ratings(caller, [found.id]).get(found.id, Rating())
    return PhotoRatingOut.of(said, services.photos.list_albums_of(caller, found.id))


@router.post("/photos/rating")
def rate(services: OurServices, asked: PhotoRatingIn, caller: Librarian) -> CountedOut:
    """Mark photos as favourites, or give them stars."""
    count = services.photos.rate(caller, asked.sources, is_favourite=asked.favourite, stars=asked.stars)
    return CountedOut(sources=count)


@router.post("/photos/share", responses=FILES, response_class=Response)
def share(services: OurServices, asked: ShareIn, caller: Asker) -> Response:
    """Photos as one HTML file with small copies, or as a ZIP of the files; neither names a folder of this machine."""
    if asked.kind == "zip":
        file = services.photos.pack_files(caller, asked.sources, coordinates=asked.places)
        headers = SAFE | {"Content-Disposition": f'attachment; filename="{file.name}"'}
        return StreamingResponse(read_pieces(file), media_type="application/zip", headers=headers)
    page = services.photos.share_page(
        caller, asked.sources, title=asked.title, language=asked.language, places=asked.places
    )
    return download(page.data, page.name, page.media_type)


@router.get("/albums")
def albums(services: OurServices, caller: Asker) -> list[AlbumOut]:
    """All of them by name."""
    return list(map(AlbumOut.of, services.photos.list_albums(caller)))


@router.post("/albums")
def put_into_album(services: OurServices, asked: AlbumIn, caller: Librarian) -> AlbumOut:
    """Put photos at the end of an album, which may be a new one."""
    return AlbumOut.of(services.photos.put_into_album(caller, asked.name, asked.sources))


@router.patch("/albums/{album}")
def change(services: OurServices, album: Number, asked: AlbumChangeIn, caller: Librarian) -> AlbumOut:
    """Give an album another name, cover or order."""
    if asked.first:
        services.photos.order_album(caller, album, asked.first)
    changed = services.photos.change_album(caller, album, name=asked.name or "", cover=asked.cover or 0)
    return AlbumOut.of(changed)


@router.delete("/albums/{album}")
def delete(services: OurServices, album: Number, caller: Librarian) -> AlbumOut:
    """The album goes, its photos stay."""
    return AlbumOut.of(services.photos.delete_album(caller, album))


@router.delete("/albums/{album}/photos")
def take_from_album(
    services: OurServices, album: Number, sources: Annotated[list[Number], Query(max_length=MOST_CHOSEN)],
    caller: Librarian,
) -> CountedOut:  # fmt: skip
    """Photos leave an album; they stay in the library."""
    return CountedOut(sources=services.photos.take_from_album(caller, album, sources))
