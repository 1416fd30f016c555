"""The page in each language at /en/ and /zh/; / leads to the one that was chosen, or that the browser asks for."""

import os
import re
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deepseek_mm import Answer, Assistant, SettingsFile
from ui import assets
from ui.asking import Leave, nobody
from ui.heats import heats_of
from ui.layout import Means, build_ui
from ui.pictures import Pictures
from ui.running import Running
from ui.theme import calm
from ui.whole_news import send_whole_news
from ui.words import LANGUAGES, Language, in_language

COOKIE = "language"  # set by page.js when a language is chosen
UPLOAD_LIMIT = "100mb"
AT_ONCE = 8  # events of one kind that are handled at the same time


def add_page(
    app: FastAPI,
    assistant: Assistant,
    *,
    running: Running[Answer],
    file: SettingsFile,
    photos: Path | None = None,
    leave: Leave = nobody,
) -> None:
    """Serve the page from `app`; its copies of files lie in DATA/page, and what is chosen there goes into `file`.

    `photos` is a folder of photos that an empty library can begin with; `leave` says whether a visitor may have
    programs run.
    """
    send_whole_news()
    cache = assistant.config.data.absolute() / "page"
    os.environ["GRADIO_TEMP_DIR"] = str(cache)  # Gradio asks for it whenever it makes a component
    pictures = Pictures(cache / "pictures", assistant.picture)
    pictures.heats = heats_of(assistant)
    app.router.routes += [pictures.route(), pictures.heats.route()]
    means = Means(assistant=assistant, running=running, pictures=pictures, file=file, photos=photos, leave=leave)
    for language in LANGUAGES:
        page = build_ui(means, in_language(language))
        page.queue(default_concurrency_limit=AT_ONCE)
        gr.mount_gradio_app(
            app, page, path=f"/{language}", theme=calm(), css=assets.css(), head=assets.head(language),
            footer_links=[], run_history=False, ssr_mode=False, show_error=False, max_file_size=UPLOAD_LIMIT,
            enable_monitoring=False, pwa=False, mcp_server=False,
            blocked_paths=[str(cache / "pictures")],  # among them lies the key that signs addresses
        )  # fmt: skip

    @app.get("/icon.svg", include_in_schema=False)
    @app.get("/favicon.ico", include_in_schema=False)
    def icon() -> Response:
        return Response(assets.icon(), media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})

    @app.get("/", include_in_schema=False)
    def front(request: Request) -> RedirectResponse:
        language = chosen(request.cookies.get(COOKIE, ""), request.headers.get("accept-language", ""))
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/{language}/{query}", headers={"Cache-Control": "no-store"})


def chosen(cookie: str, accepts: str) -> Language:
    """The language of the cookie, or the first of ours that the browser's Accept-Language names; else English."""
    for language in LANGUAGES:
        if cookie == language:
            return language
    wanted = sorted(_weighted(accepts), key=lambda pair: -pair[0])  # stable: in the browser's order
    return next((language for _, tag in wanted for language in LANGUAGES if tag.split("-")[0] == language), "en")


def _weighted(accepts: str) -> list[tuple[float, str]]:
    """Language tags with their weights: "zh-CN,en;q=0.8" gives (1.0, "zh-cn") and (0.8, "en")."""
    found = re.findall(r"([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*)(?:\s*;\s*q=([01](?:\.\d{0,3})?))?", accepts)
    return [(float(weight or 1), tag.lower()) for tag, weight in found if not weight or float(weight)]
