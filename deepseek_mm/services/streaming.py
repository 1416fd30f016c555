"""An open file as an answer that a player can ask for piece by piece.

Ranges are Starlette's own, which opens files by their paths. What it gets is the name of an open descriptor: nobody can
put another file in its place between the check and the reading.
"""

from collections.abc import Mapping
from typing import IO

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

DESCRIPTORS = "/dev/fd"  # where systems name the open files of a process
VIDEO_TYPES = {  # what browsers are told; they play QuickTime's files under the name of those that came of it
    **dict.fromkeys(("mp4", "mov", "m4v"), "video/mp4"),
    "webm": "video/webm",
    "mkv": "video/x-matroska",
    "avi": "video/x-msvideo",
}


def stream_file(stream: IO[bytes], *, media_type: str, headers: Mapping[str, str]) -> FileResponse:
    """All of it, or the part that the request's Range header names; the file is closed afterwards."""
    path = f"{DESCRIPTORS}/{stream.fileno()}"
    return FileResponse(path, media_type=media_type, headers=dict(headers), background=BackgroundTask(stream.close))
