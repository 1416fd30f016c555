"""The page in each language at /en/ and /zh/, and the headers that keep the browser on this server.

A Content-Security-Policy goes out with every answer. Whatever a text on the page says, the browser then loads pictures,
scripts, fonts and data from this server only.
"""

import os
import re
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm import Assistant, Services
from ui import html
from ui.gateway.events import PageOwners, patch_streams
from ui.gateway.files import FileRegistry
from ui.gateway.routes import Gateway
from ui.html import calm
from ui.layout import build_ui
from ui.photo_info import WORLD_PATH
from ui.photos.photo_tiles import PhotoTiles
from ui.pictures import HeatMaps, PagePictures, make_heat_maps
from ui.videos import video_route
from ui.web_app import add_web_app
from ui.words import LANGUAGES, Language, in_language

COOKIE = "language"  # set by page.js when a language is chosen
UPLOAD_BYTES = 100_000_000  # of one file
AT_ONCE = 8  # events of one kind that are handled at the same time


def add_page(app: FastAPI, services: Services) -> None:
    """Serve the page from `app`, acting through `services`; its copies of files lie in DATA/page."""
    assistant = services.library.assistant
    patch_streams()
    cache = assistant.config.data.absolute() / "page"
    os.environ["GRADIO_TEMP_DIR"] = str(cache)  # Gradio asks for it whenever it makes a component
    pictures, heats = open_pictures(assistant, cache / "pictures")
    first: list[BaseRoute] = [pictures.route(), heats.route(), video_route(pictures, assistant.config.parse)]
    files, owners = FileRegistry(cache), PageOwners()
    if services.accounts.erasure is not None:
        services.accounts.erasure.erasers.append(files.forget_owner)
    for language in LANGUAGES:
        words = in_language(language)
        page = build_ui(services, pictures, words)
        tiles = PhotoTiles(services=services, words=words, pictures=pictures)
        page.queue(default_concurrency_limit=AT_ONCE)
        gr.mount_gradio_app(
            app, page, path=f"/{language}", theme=calm(), css=html.css(), head=html.head(language),
            footer_links=[], run_history=False, ssr_mode=False, show_error=False, max_file_size=UPLOAD_BYTES,
            enable_monitoring=False, pwa=False, mcp_server=False,
            allowed_paths=[str(cache), str(assistant.config.data.absolute() / "uploads")],  # for what events return
        )  # fmt: skip
        mounted = app.router.routes.pop()
        assert isinstance(mounted, Mount), "gr.mount_gradio_app adds a Mount, at the end"
        first.append(mounted)
        mounted.app = Gateway(
            app=mounted.app,
            files=files,
            owners=owners,
            words=words,
            max_file_bytes=UPLOAD_BYTES,
            tiles=tiles.answer,
            count_upload=services.accounts.count_upload,
        )

    add_web_app(app)
    add_icons(app)
    app.router.routes[:0] = first  # a timeline asks for fifty pictures: none is compared with every route of the API


def add_icons(app: FastAPI) -> None:
    """What the page is made of that is no page: its icon and the outline of the world; and the way to the page."""

    @app.get("/icon.svg", include_in_schema=False)
    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return Response(html.icon(), media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})

    @app.get(WORLD_PATH, include_in_schema=False)
    def world() -> Response:
        return Response(html.world(), media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})

    @app.get("/", include_in_schema=False)
    def front(request: Request) -> RedirectResponse:
        language = chosen(request.cookies.get(COOKIE, ""), request.headers.get("accept-language", ""))
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/{language}/{query}", headers={"Cache-Control": "no-store"})


def open_pictures(assistant: Assistant, folder: Path) -> tuple[PagePictures, HeatMaps]:
    """The pictures of a library with what the page asks about them, and the heat maps that are laid over them."""
    pictures, heats = PagePictures(folder, assistant.picture), make_heat_maps(assistant)
    pictures.heats, pictures.shared = heats, assistant.files.store if assistant.files else None
    pictures.companions = lambda sources: assistant.store.companions(sources)
    pictures.is_hidden = lambda path: assistant.store.is_hidden(path)
    pictures.is_offline = lambda source: bool(assistant.find_away(source.path))
    return pictures, heats


def chosen(cookie: str, accepts: str) -> Language:
    """The language of the cookie, or the first of ours that the browser's Accept-Language names; else English."""
    wanted = sorted(_parse_languages(accepts), key=lambda pair: -pair[0])  # stable: in the browser's order
    names = [cookie, *(tag.split("-")[0] for _, tag in wanted)]
    return next((language for name in names for language in LANGUAGES if name == language), "en")


def _parse_languages(accepts: str) -> list[tuple[float, str]]:
    """Language tags with their weights: "zh-CN,en;q=0.8" gives (1.0, "zh-cn") and (0.8, "en")."""
    found = re.findall(r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*q=([01](?:\.\d{0,3})?))?", accepts)
    return [(float(weight or 1), tag.lower()) for tag, weight in found if not weight or float(weight)]


POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",  # Gradio's page is built with inline scripts
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class SecurityHeaders:
    """ASGI middleware that adds the headers to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; add the headers when a response starts."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)
