"""Videos for the player of the page, piece by piece; an address is signed like those of pictures."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deepseek_mm import VIDEO_TYPES, DeepSeekMMError, ParseConfig, open_original, stream_file
from index import Source
from ui.pictures import PagePictures

PATH = "/video"
HEADERS = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}


def video_address(pictures: PagePictures, source: Source) -> str:
    """Where the player finds a video."""
    return f"{PATH}/{pictures.sign([source.path, source.digest[:16], source.format])}"


def video_route(pictures: PagePictures, config: ParseConfig) -> Route:
    """What the server answers at an address: 404 where it is none of ours, or the video is gone."""

    async def answer(request: Request) -> Response:
        try:
            path, _, form = pictures.verify(request.path_params["token"]) or ("", "", "")
            stream = await run_in_threadpool(open_original, path, config)
            return stream_file(stream, media_type=VIDEO_TYPES[form], headers=HEADERS)
        except (DeepSeekMMError, OSError, ValueError, KeyError):
            return Response(status_code=404)

    return Route(PATH + "/{token}", answer)
