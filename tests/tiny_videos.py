"""Tiny videos, made anew by each test: a square on a ground, of other colours in each scene."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

RATE = 10  # pictures a second
RED, GREEN, BLUE, WHITE, BLACK = (220, 30, 30), (30, 200, 40), (40, 60, 220), (240, 240, 240), (0, 0, 0)
DARK = (40, 40, 40)
CODECS = {".webm": "libvpx", ".avi": "mpeg4"}  # of others H.264
Scene = tuple[tuple[int, int, int], tuple[int, int, int]]  # colours of the square and the ground
SCENES: tuple[Scene, ...] = ((RED, WHITE), (GREEN, DARK), (BLUE, WHITE))


def draw_scene(scene: Scene, size: tuple[int, int], shift: int) -> np.ndarray:
    """Its picture, (height, width, 3), the square so many pixels from the left."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = scene[1]
    picture[height // 4 : height // 2, shift : shift + width // 2] = scene[0]
    return picture


def make_video(
    path: Path,
    scenes: Sequence[Scene] = SCENES,
    *,
    seconds: float = 2.0,
    size: tuple[int, int] = (96, 64),
    every: int = 5,
    turned: int = 0,
    **tags: str,
) -> Path:
    """A video of scenes that last so many seconds each, with a key frame after `every` pictures."""
    options = {"movflags": "use_metadata_tags"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=options) as container:
        container.metadata.update({name.replace("__", "-"): value for name, value in tags.items()})
        codec = CODECS.get(path.suffix, "libx264")
        stream = container.add_stream(codec, rate=RATE, options={"sc_threshold": "0"} if codec == "libx264" else {})
        stream.width, stream.height = size
        stream.pix_fmt, stream.codec_context.gop_size = "yuv420p", every
        if turned:
            stream.set_display_rotation(turned)
        for scene in scenes:
            for n in range(round(seconds * RATE)):
                frame = av.VideoFrame.from_ndarray(draw_scene(scene, size, n % 2), format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def make_sound(path: Path) -> Path:
    """A second of silence, without a picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    return path
