"""The tiles of the timeline as JSON, which the page's script fetches as far as they come into view."""

from dataclasses import dataclass
from typing import get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from deepseek_mm import Caller, DeepSeekMMError
from index import IndexProblem, Source
from index.region import Order, Rating, as_clock
from ui.edges import Handlers
from ui.gateway.events import Visitor
from ui.photos.photo_groups import read_badges
from ui.pictures import PagePictures

ORDERS: tuple[Order, ...] = get_args(Order)
MOST = 400  # tiles, or ids, at once
UNRATED = Rating()


@dataclass(frozen=True, kw_only=True)
class PhotoTiles(Handlers):
    """Tiles of a view of the photos: `view` are operators of the search box."""

    pictures: PagePictures

    def answer(self, request: Request, visitor: Visitor) -> Response:
        """{"items": [...]} for view, order, start and count in the address; with `only=ids` {"ids": [...]}."""
        asked = request.query_params
        try:
            start, count = (max(0, int(asked.get(name, "0"))) for name in ("start", "count"))
            order: Order = next((each for each in ORDERS if each == asked.get("order")), "newest")
            sources = self._list(visitor.caller, asked.get("view", ""), order, start, min(count, MOST))
        except ValueError:
            return JSONResponse({"error": self.words.photos_bad_range}, 400)
        except (DeepSeekMMError, IndexProblem) as error:
            return JSONResponse({"error": self.words.say(str(error))}, 400)
        if asked.get("only") == "ids":
            return JSONResponse({"ids": [source.id for source in sources]})
        return JSONResponse({"items": self.list_items(visitor.caller, sources)})

    def _list(self, caller: Caller, view: str, order: Order, start: int, count: int) -> list[Source]:
        photos = self.services.photos
        where = photos.read_view(caller, view)
        return photos.list_photos(caller, where, order=order, start=start, limit=count) if count else []

    def list_items(self, caller: Caller, sources: list[Source]) -> list[dict[str, object]]:
        """What the script draws of each."""
        said = self.services.photos.read_ratings(caller, [source.id for source in sources])
        badges = read_badges(sources, self.pictures, self.words)
        return [
            {
                "id": source.id,
                "src": self.pictures.address(source),
                "name": source.name,
                "length": as_clock(source.duration_ms) if source.is_video else "",
                "group": badges.get(source.id, ""),
                "at": f"{source.taken_at:%Y-%m-%d}" if source.taken_at else "",
                "favourite": said.get(source.id, UNRATED).is_favourite,
                "stars": said.get(source.id, UNRATED).stars,
                "offline": self.pictures.is_offline(source),
            }
            for source in sources
        ]
