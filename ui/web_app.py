"""The page as an app of a phone: manifest, icons, service worker, and where other apps share pictures.

All of it is the same for everybody, so a browser may have it before somebody logs in.
"""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from ui import html
from ui.words import LANGUAGES, Language, in_language

MANIFEST, WORKER, SHARE = "/manifest.webmanifest", "/worker.js", "/share"
ICONS = {"/icon-192.png": 192, "/icon-512.png": 512}  # address -> side in pixels
KEPT = {"Cache-Control": "max-age=86400"}
ASKED_FOR_ANEW = {"Cache-Control": "no-cache"}


def make_manifest(language: Language) -> dict[str, Any]:
    """What the browser needs to install the page; pictures may then be shared with it."""
    words = in_language(language)
    about = {"type": "image/png", "purpose": "any"}
    icons = [{"src": src, "sizes": f"{side}x{side}", **about} for src, side in ICONS.items()]
    return {
        "id": "/",
        "name": words.title,
        "short_name": words.title,
        "description": words.tagline,
        "lang": language,
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f9fafb",
        "theme_color": "#1d4ed8",
        "icons": [*icons, *({**icon, "purpose": "maskable"} for icon in icons)],
        "share_target": {
            "action": SHARE,
            "method": "POST",
            "enctype": "multipart/form-data",
            "params": {
                "title": "title",
                "text": "text",
                "url": "url",
                "files": [{"name": "pictures", "accept": ["image/*"]}],
            },
        },
    }


def add_web_app(app: FastAPI) -> None:
    """Serve it from `app`."""

    @app.get(MANIFEST, include_in_schema=False)
    def manifest(request: Request) -> Response:
        asked = request.query_params.get("language", "")
        language: Language = next((each for each in LANGUAGES if each == asked), "en")
        return JSONResponse(make_manifest(language), media_type="application/manifest+json", headers=ASKED_FOR_ANEW)

    @app.get(WORKER, include_in_schema=False)
    def worker() -> Response:
        return Response(html.script("worker"), media_type="text/javascript", headers=ASKED_FOR_ANEW)

    @app.get("/icon-{side}.png", include_in_schema=False)
    def picture(side: str) -> Response:
        if f"/icon-{side}.png" not in ICONS:
            return Response(status_code=404)
        return FileResponse(Path(html.__file__).parent / "styles" / f"icon-{side}.png", headers=KEPT)

    @app.post(SHARE, include_in_schema=False)
    def share() -> Response:
        """Where no service worker is active yet: the page comes, and says that nothing of it is here."""
        return RedirectResponse("/?shared=1", 303)
