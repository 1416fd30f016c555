"""Photos as callers look them through and order them: by month, place, thing, and by albums, favourites and stars."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from deepseek_mm.accounts.permissions import Caller, require_owner, requires, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion, Conflict, LibraryError, NothingThere
from deepseek_mm.language.search_filters import merge_filters
from deepseek_mm.language.search_syntax import read_box
from deepseek_mm.sharing.album_page import AlbumPhoto, write_album_page
from deepseek_mm.sharing.files import Exported, ExportLimits, Language, PhotoCopies
from deepseek_mm.sharing.renderers import WORDINGS, when
from deepseek_mm.sharing.zip_export import pack_chosen
from deepseek_mm.types import Citation
from index import Filter, Region, Source
from index.region import MOST_STARS, Album, GroupCount, MonthCount, Order, Rating

MOST_LETTERS = 120  # of an album's name
MOST_SHARED = 500  # photos of one file
ROOM = Path("page") / "zips"  # in the library's folder, which a start empties
GONE = "could not be read any more"
MOST_THINGS = 60  # that photos show, looked through
PHOTOS = Filter(source_kinds=("photo",), grouped=True)  # what belongs together once: see index.companions


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoService:
    """The photos of one library."""

    assistant: Assistant

    def read_view(self, caller: Caller, view: str) -> Filter:
        """Photos that operators of the search box allow: "album:Pisa is:favourite"; "" is all of them.

        BadQuestion for an operator that there is not, and for words: these are searched for instead.
        """
        box = read_box(view, collections=self.assistant.store.collections()) if view.strip() else None
        if box is not None and box.text:
            raise BadQuestion(f"{box.text!r} bounds no photos. Name them by operators, for example: place:Pisa")
        return merge_filters(PHOTOS, box.where) if box is not None else PHOTOS

    def count_months(self, caller: Caller, where: Filter = PHOTOS) -> list[MonthCount]:
        """The months that photos were taken in, the newest first; those without a date are last, as month 0."""
        return self.assistant.store.months(where=where)

    def list_photos(
        self, caller: Caller, where: Filter = PHOTOS, *, order: Order = "newest", start: int = 0, limit: int = 100
    ) -> list[Source]:
        """Photos from the number `start` on."""
        return self.assistant.store.sources(where, order=order, limit=limit, offset=start)

    def count_places(self, caller: Caller, where: Filter = PHOTOS) -> list[GroupCount]:
        """The places where photos were taken, most photos first."""
        return sorted(self.assistant.store.places(where=where), key=lambda place: -place.sources)

    def count_things(self, caller: Caller, where: Filter = PHOTOS, *, limit: int = MOST_THINGS) -> list[GroupCount]:
        """What photos show most often."""
        return self.assistant.store.things(limit, where=where)

    def find_photos(self, caller: Caller, sources: Sequence[int]) -> dict[int, Source]:
        """Id -> photo, of those that there are."""
        found = self.assistant.store.sources(Filter(source_ids=tuple(sources)), limit=len(sources)) if sources else []
        return {source.id: source for source in found}

    def read_ratings(self, caller: Caller, sources: Sequence[int]) -> dict[int, Rating]:
        """Id -> what was said of a photo; those of which nothing was said are left out."""
        return self.assistant.store.curation.ratings_of(sources)

    @requires("library")
    def rate(
        self, caller: Caller, sources: Sequence[int], *, is_favourite: bool | None = None, stars: int | None = None
    ) -> int:
        """Say this of files; None leaves as it is. BadQuestion for other stars than 0 to 5; NothingThere if none of the
        files is there. Returns how many are.
        """
        if stars is not None and not 0 <= stars <= MOST_STARS:
            raise BadQuestion(f"stars={stars} must be 0 to {MOST_STARS}; 0 takes them away")
        if not (count := self.assistant.store.curation.rate(sources, is_favourite=is_favourite, stars=stars)):
            raise NothingThere("none of these files is in the library. List them: /library/sources")
        return count

    def list_albums(self, caller: Caller) -> list[Album]:
        """All of them by name."""
        return self.assistant.store.curation.albums()

    def find_album(self, caller: Caller, album: int) -> Album:
        """By its id. NothingThere if there is none."""
        return self._album(album)

    def list_album_names(self, caller: Caller) -> list[str]:
        """The names of all of them, in order."""
        return self.assistant.store.curation.name_albums()

    def list_albums_of(self, caller: Caller, source: int) -> list[str]:
        """The names of the albums that a photo is in."""
        return self.assistant.store.curation.albums_of(source)

    @requires("library")
    def put_into_album(self, caller: Caller, name: str, sources: Sequence[int]) -> Album:
        """Put photos at the end of the album of this name, which is made if there is none. BadQuestion for no name."""
        album = self.assistant.store.curation.make_album(normalize_name(name))
        self._own_album(caller, album)
        self.assistant.store.curation.put_into(album, sources)
        return self._album(album)

    @requires("library")
    def take_from_album(self, caller: Caller, album: int, sources: Sequence[int]) -> int:
        """Take photos out of an album; they stay in the library. Returns how many were in it."""
        return self.assistant.store.curation.take_from(self._own_album(caller, album).id, sources)

    @requires("library")
    def order_album(self, caller: Caller, album: int, sources: Sequence[int]) -> int:
        """Put these photos of an album first, in this order; returns how many it has of them."""
        return self.assistant.store.curation.order(self._own_album(caller, album).id, sources)

    @requires("library")
    def change_album(self, caller: Caller, album: int, *, name: str = "", cover: int = 0) -> Album:
        """Give an album another name or cover. Conflict where another one is called so; NothingThere for a cover that
        is not in it.
        """
        found, curation = self._own_album(caller, album), self.assistant.store.curation
        if name and not curation.rename_album(found.id, normalize_name(name)):
            raise Conflict(f"there is an album called {normalize_name(name)} already. Choose another name")
        if cover and not curation.set_cover(found.id, cover):
            raise NothingThere(f"the photo {cover} is not in {found.name}. Put it into the album first")
        return self._album(album)

    @requires("library")
    def delete_album(self, caller: Caller, album: int) -> Album:
        """The album goes, its photos stay; returns what it was. NothingThere if there is none."""
        found = self._own_album(caller, album)
        self.assistant.store.curation.delete_album(found.id)
        return found

    def share_page(
        self,
        caller: Caller,
        sources: Sequence[int],
        *,
        title: str = "",
        language: Language = "en",
        places: bool = False,
    ) -> Exported:
        """Photos as one HTML file with small copies and what somebody says of them; with `places` also the city.

        NothingThere if none of them is there; BadQuestion for too many at once.
        """
        found = self._chosen(caller, sources)
        config = self.assistant.config
        limits = ExportLimits(max_pixels=config.parse.max_pixels)
        copies = PhotoCopies(self.assistant.picture, limits)
        wording = WORDINGS[language]
        footer = wording.exported.format(version=import_module("deepseek_mm").__version__, when=when(datetime.now(UTC)))
        photos = (self._show(source, places=places) for source in found)
        return write_album_page(title or "DeepSeek-MM", photos, copies=copies, language=language, footer=footer)

    def pack_files(
        self, caller: Caller, sources: Sequence[int], *, folders: bool = False, coordinates: bool = False
    ) -> Path:
        """The files in one ZIP, which lies where a start and later exports tidy; its table names `folders` on wish.

        Without `coordinates` nothing in a photo says where it was taken. NothingThere and BadQuestion as above;
        LibraryError if the disk does not take it.
        """
        found = self._chosen(caller, sources)
        leading = self.assistant.store.leading([source.id for source in found])
        cited = [
            Citation(number=number, region=leading.get(each.id) or show_whole(each), score=0.0)
            for number, each in enumerate(found, 1)
        ]
        room = self.assistant.config.data.absolute() / ROOM
        try:
            *_, last = pack_chosen(
                cited, room, picture=self.assistant.picture, gone=GONE, places=folders, coordinates=coordinates
            )
        except OSError as error:
            raise LibraryError(f"the files cannot be packed in {room}: {error}. Free some space there") from error
        assert last.file is not None, "the last one is the file"
        return last.file

    def _chosen(self, caller: Caller, sources: Sequence[int]) -> list[Source]:
        if len(sources) > MOST_SHARED:
            raise BadQuestion(f"{len(sources)} photos are too many for one file. Choose {MOST_SHARED} at most")
        found = self.find_photos(caller, sources)
        if not found:
            raise NothingThere("none of these files is in the library. List them: /library/sources")
        return [found[each] for each in sources if each in found]

    def _show(self, source: Source, *, places: bool) -> AlbumPhoto:
        said = self.assistant.library.description_of(source)
        text = "" if said.machine_made else said.text
        regions = self.assistant.store.regions_of([source.id]).get(source.id, ()) if places else ()
        place = next((region.text.partition(", ")[0] for region in regions if region.kind == "place"), "")
        return AlbumPhoto(source=source, text=text, place=place)

    def _own_album(self, caller: Caller, album: int) -> Album:
        """The same, for whoever may change it. Forbidden if it is somebody else's."""
        found = self._album(album)
        require_owner(caller, found.owner, f"the album {found.name}")
        return found

    def _album(self, album: int) -> Album:
        found = next((each for each in self.assistant.store.curation.albums() if each.id == album), None)
        if found is None:
            raise NothingThere(f"there is no album {album}. List them: /albums")
        return found


def show_whole(source: Source) -> Region:
    """A photo in which nothing was found."""
    return Region(source=source, kind="whole", box_px=(0, 0, source.width_px, source.height_px))


def normalize_name(name: str) -> str:
    """An album's name as it is kept. BadQuestion for an empty or a very long one."""
    clean = " ".join(name.split())
    if not clean or len(clean) > MOST_LETTERS:
        raise BadQuestion(f"an album's name has 1 to {MOST_LETTERS} letters, this one has {len(clean)}. Type another")
    return clean
