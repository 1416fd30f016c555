"""Heat maps for the page: where in a photo is what was looked for, drawn when the browser asks for it.

An address is a random name for a search and a photo; the newest are remembered. So the dialog opens at once, and the
heat comes after it. What cannot be drawn any more is a clear picture: a photo without its heat is still a photo.
"""

import io
import secrets
from collections.abc import Callable
from threading import Lock

from cachetools import LRUCache
from PIL import Image
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deepseek_mm import Assistant, DeepSeekMMError, Query, heat_map
from index import IndexProblem, Region

PATH = "/heat"
KEPT = 64  # addresses that are remembered: some of their searches hold a picture
Make = Callable[[Query, Region], Image.Image]  # the heat of a photo for a search, RGBA
HEADERS = {"Cache-Control": "private, max-age=3600"}


class Heats:
    """Remembers what addresses stand for, and draws it."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._known: LRUCache[str, tuple[Query, Region]] = LRUCache(KEPT)
        self._turn = Lock()

    def address(self, query: Query, region: Region) -> str:
        """Where the browser finds the heat of the region's photo or page."""
        token = secrets.token_urlsafe(12)
        with self._turn:
            self._known[token] = query, region
        return f"{PATH}/{token}"

    def png(self, token: str) -> bytes:
        """The drawn heat; a clear dot where it is forgotten, or the photo is gone."""
        with self._turn:
            known = self._known.get(token)
        try:
            image = Image.new("RGBA", (1, 1)) if known is None else self._make(*known)
        except (DeepSeekMMError, IndexProblem, OSError):
            image = Image.new("RGBA", (1, 1))
        out = io.BytesIO()
        image.save(out, "PNG")
        return out.getvalue()

    def route(self) -> Route:
        """What the server answers at an address."""

        def answer(request: Request) -> Response:
            return Response(self.png(request.path_params["token"]), media_type="image/png", headers=HEADERS)

        return Route(PATH + "/{token}", answer)


def heats_of(assistant: Assistant) -> Heats:
    """Over the photos of a library."""

    def make(query: Query, region: Region) -> Image.Image:
        image = assistant.picture(region.source, region.page)
        return heat_map(assistant.retriever.search, query, image).to_image(image.size)

    return Heats(make)
