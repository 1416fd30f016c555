"""A camera's raw file becomes a picture: the JPEG that the camera put into it, or else what LibRaw develops.

The JPEG is what the camera showed, so it is taken where it is large enough to be looked at. Else the raw picture is
developed at half its size, with the camera's own white balance. Both come upright. Runs in a worker.

What the camera says of time, place and exposure stands where TIFF has it, for most raw files are TIFF files inside, or
in the JPEG; of others LibRaw knows the time.
"""

import io
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from PIL import Image as PILImage
from PIL.Image import Image
from PIL.Image import Transpose as Turn

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, BadPicture
from deepseek_mm.parse.formats import Contents, File, Piece
from deepseek_mm.parse.image_metadata import EXIF_NAME, Camera, read_exif
from deepseek_mm.parse.picture import decode_pixels, open_jpeg, small_rgb

if TYPE_CHECKING:
    from rawpy import RawPy

LARGE_PX = 1_000  # longer side from which the camera's JPEG is large enough
TURNS = {3: Turn.ROTATE_180, 5: Turn.ROTATE_90, 6: Turn.ROTATE_270}  # by how LibRaw says that a picture lies
SIDEWAYS = (5, 6)
TIFF = (b"II", b"MM")
EXIF_BYTES = 65_536  # of a JPEG's segment
EARLIEST_YEAR = 1980  # cameras without a clock write 1970


def read_raw(file: File, config: ParseConfig) -> Contents:
    """The picture of a raw file. BadFile or BadPicture says why it cannot be read."""
    try:
        import rawpy
    except ImportError as error:
        raise BadFile(
            f"{file.path} is a camera's raw picture, which rawpy reads. Install it: pip install rawpy"
        ) from error
    try:
        with rawpy.imread(io.BytesIO(file.data)) as raw:
            width, height = check_size(raw, file, config)
            image = camera_picture(raw, config.draft_px) or develop(raw)
            camera = read_notes(raw, file.data)
    except (rawpy.LibRawError, OSError, SyntaxError, LookupError, RuntimeError) as error:
        why = error.args[0] if error.args else type(error).__name__
        said = why.decode("utf-8", "replace") if isinstance(why, bytes) else why
        raise BadPicture(f"{file.path} is damaged or cut short: {said}. Copy it again from where it came") from error
    piece = Piece(kind="whole", image=image, box_px=(0, 0, width, height))
    return Contents(pieces=iter([piece]), width_px=width, height_px=height, camera=camera)


def check_size(raw: "RawPy", file: File, config: ParseConfig) -> tuple[int, int]:
    """Width and height, upright. BadPicture for one that would need too much memory."""
    width, height = raw.sizes.width, raw.sizes.height
    if width * height > config.max_pixels:
        raise BadPicture(
            f"{file.path} has {width:,} x {height:,} = {width * height:,} pixels, and parse.max_pixels allows "
            f"{config.max_pixels:,}. Make the picture smaller, or raise parse.max_pixels"
        )
    return (height, width) if raw.sizes.flip in SIDEWAYS else (width, height)


def camera_picture(raw: "RawPy", draft_px: int) -> Image | None:
    """The camera's own JPEG, upright; None where there is none, or only a stamp."""
    jpeg = camera_jpeg(raw)
    if not jpeg:
        return None
    try:
        opened = open_jpeg(jpeg)
        if max(opened.image.size) < min(LARGE_PX, raw.sizes.width, raw.sizes.height):
            return None
        small = small_rgb(decode_pixels(opened.image, draft_px), opened.icc)
    except (OSError, SyntaxError, ValueError):  # the raw picture itself may be whole
        return None
    lies = raw.sizes.flip in SIDEWAYS and small.width < small.height  # it was turned already
    turn = None if lies else TURNS.get(raw.sizes.flip)
    return small.transpose(turn) if turn is not None else small


def camera_jpeg(raw: "RawPy") -> bytes:
    """The bytes of the JPEG that the camera put into the file; empty where it put none."""
    import rawpy

    try:
        thumb = raw.extract_thumb()
    except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
        return b""
    return bytes(thumb.data) if thumb.format == rawpy.ThumbFormat.JPEG else b""


def develop(raw: "RawPy") -> Image:
    """The raw picture itself in half its size; LibRaw turns it upright."""
    return small_rgb(PILImage.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8)))


def read_notes(raw: "RawPy", data: bytes) -> Camera:
    """When and where it was taken."""
    camera = replace(read_exif(notes_in(data)), orientation=1)
    stamp = getattr(getattr(raw, "other", None), "timestamp", None)
    if camera.taken_at is None and isinstance(stamp, datetime) and stamp.year >= EARLIEST_YEAR:
        return replace(camera, taken_at=stamp.replace(tzinfo=None))
    return camera


def notes_in(data: bytes) -> bytes:
    """The camera's notes as EXIF has them: the file itself, if it is TIFF inside, or a segment of a JPEG in it."""
    if data[:2] in TIFF:
        return data
    at = data.find(EXIF_NAME)
    return data[at : at + EXIF_BYTES] if at >= 0 else b""
