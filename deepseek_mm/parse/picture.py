"""The bytes of a picture become an upright 8-bit sRGB picture, or an error that says why not.

A colour profile says what the numbers mean: the same three numbers are one red in sRGB and a stronger one in Display
P3. A profile that calls itself sRGB costs a look at its name; any other is applied by LittleCMS to the reduced picture.
A profile that is damaged, or of another kind of colour than the picture, is ignored: colours a little off are better
than no picture.

Nothing is decoded before the size is known to be within the limit, and half a picture is no picture. The parts after
this one need a few hundred pixels, so a large picture comes back reduced to LONG_SIDE_PX; the width and height stay
those of the upright original, and boxes are in the original's pixels.

Every kind of picture file has an opener, which reads the header only. Where decoding turns a picture upright already,
`Opened.turned` says so, and the camera's word on it is not followed a second time.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image as PILImage
from PIL import ImageChops, ImageCms
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.Image import Image
from PIL.Image import Transpose as Turn
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadPicture
from deepseek_mm.parse import image_metadata
from deepseek_mm.parse.formats import LONG_SIDE_PX, Contents, File, Piece
from deepseek_mm.parse.image_metadata import Camera, read_exif

MODES = ("RGB", "L", "CMYK", "LAB")  # that a profile may be for
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC  # white stays white


def small_rgb(image: Image, icc: bytes = b"") -> Image:
    """The picture in sRGB: 16 bits become 8, and what is transparent shows white."""
    colours = eight_bits(image)
    clear = "transparency" in image.info or colours.mode in ("RGBA", "LA", "PA", "RGBa")
    small, alpha = reduce_size(colours, clear=clear)
    rgb = to_srgb(small, icc)
    if alpha is None:
        return rgb
    return PILImage.composite(rgb, PILImage.new("RGB", rgb.size, "white"), alpha)


def eight_bits(image: Image) -> Image:
    """Grey with more than 8 bits as 8: of 16 the upper half, of any other from the lowest value to the highest."""
    if image.mode.startswith("I;16"):
        return PILImage.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode not in ("I", "F"):
        return image
    values = np.nan_to_num(np.asarray(image, np.float64))
    low, high = values.min(), values.max()
    return PILImage.fromarray(((values - low) * (255 / max(high - low, 1e-30))).round().astype(np.uint8))


def reduce_size(image: Image, *, clear: bool) -> tuple[Image, Image | None]:
    """The reduced picture in a mode that a profile can be for, and how opaque it is.

    What is transparent often has some hidden colour, so a clear picture is reduced with its alpha.
    """
    if clear or image.mode not in MODES:
        image = image.convert("RGBA" if clear else "RGB")
    image.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX))
    return (image.convert("RGB"), image.getchannel("A")) if clear else (image, None)


def to_srgb(image: Image, icc: bytes) -> Image:
    """RGB, L, CMYK or LAB as sRGB by the profile that came with it, or without one."""
    if not icc:
        return image.convert("RGB")
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if ImageCms.getProfileDescription(profile).startswith("sRGB"):
            return image.convert("RGB")
        screen = ImageCms.createProfile("sRGB")
        changed = ImageCms.profileToProfile(image, profile, screen, renderingIntent=INTENT, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return image.convert("RGB")
    assert changed is not None, "profileToProfile returns a picture unless it works in place"
    return changed


UPRIGHT = {  # EXIF orientation -> how to turn the picture; 1 is upright already
    2: Turn.FLIP_LEFT_RIGHT,
    3: Turn.ROTATE_180,
    4: Turn.FLIP_TOP_BOTTOM,
    5: Turn.TRANSPOSE,
    6: Turn.ROTATE_270,
    7: Turn.TRANSVERSE,
    8: Turn.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)
FAULTS = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, RuntimeError)
DAMAGE = (*FAULTS, struct.error, zlib.error, PILImage.DecompressionBombError)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedPicture:
    """A picture with its header read and no pixel decoded."""

    image: ImageFile
    exif: bytes = b""  # the camera's notes
    icc: bytes = b""  # the colour profile
    turned: bool = False  # decoding it turns it upright


Opener = Callable[[bytes], OpenedPicture]


def picture(opener: Opener) -> Callable[[File, ParseConfig], Contents]:
    """The reader for the kind of picture file that `opener` opens."""

    def read(file: File, config: ParseConfig) -> Contents:
        image, camera, (width, height), note = decode(file.data, opener, config, name=file.path)
        piece = Piece(kind="whole", image=image, box_px=(0, 0, width, height))
        return Contents(pieces=iter([piece]), width_px=width, height_px=height, camera=camera, note=note)

    return read


def decode(
    data: bytes, opener: Opener, config: ParseConfig, *, name: str
) -> tuple[Image, Camera, tuple[int, int], str]:
    """The upright picture (reduced if large), its camera's notes, the upright original's size, and a note."""
    try:
        opened = opener(data)
        check_size(opened.image, name=name, max_pixels=config.max_pixels)
        size, note = opened.image.size, note_on(opened.image)
        small = small_rgb(decode_pixels(opened.image, config.draft_px), opened.icc)
    except BadPicture:
        raise
    except DAMAGE as error:
        raise BadPicture(f"{name} is damaged or cut short: {error}. Copy it again from where it came") from error
    camera = read_exif(opened.exif)
    if opened.turned:
        return small, replace(camera, orientation=1), size, note
    turn = UPRIGHT.get(camera.orientation)
    upright = small.transpose(turn) if turn is not None else small
    return upright, camera, size[::-1] if camera.orientation in SIDEWAYS else size, note


def check_size(image: ImageFile, *, name: str, max_pixels: int) -> None:
    """Refuse a picture that would need too much memory, before it is decoded."""
    width, height = image.size
    if width * height > max_pixels:
        raise BadPicture(
            f"{name} has {width:,} x {height:,} = {width * height:,} pixels, and parse.max_pixels allows "
            f"{max_pixels:,}. Make the picture smaller, or raise parse.max_pixels"
        )


def note_on(image: ImageFile) -> str:
    """What to say of a film, a burst or a scan of many pages, of which one picture is shown."""
    try:
        frames = int(getattr(image, "n_frames", 1))
    except DAMAGE:  # in a later picture; the first one is judged when it is decoded
        return "Only its first picture is shown; the others are damaged."
    return f"Only the first of its {frames:,} pictures is shown." if frames > 1 else ""


def decode_pixels(image: ImageFile, draft_px: int) -> Image:
    """The picture with its pixels; a huge JPEG at half, a quarter or an eighth of its size."""
    image.draft(None, (draft_px, draft_px))
    image.load()
    if isinstance(image, JpegImageFile) and image.mode == "CMYK" and "adobe" not in image.info:
        return ImageChops.invert(image)  # Pillow reads all inks as Adobe writes them: turned around
    return image


def open_jpeg(data: bytes) -> OpenedPicture:
    """A whole JPEG file; its notes never reach the decoder, since a damaged note must not cost the picture."""
    if not image_metadata.is_whole(data):
        raise ValueError("the end of the picture is missing")
    image = JpegImageFile(io.BytesIO(image_metadata.without_notes(data)))
    return OpenedPicture(image=image, exif=image_metadata.exif_of(data), icc=image_metadata.icc_of(data))


def open_tiff(data: bytes) -> OpenedPicture:
    """A TIFF file. The camera's notes are a TIFF file themselves: here they are the file."""
    return replace(with_notes(Tiff(io.BytesIO(data))), exif=data, turned=True)


def open_heif(data: bytes) -> OpenedPicture:
    """A HEIC or HEIF file, as phones write them; decoding turns it, and takes the word of the camera out."""
    from pillow_heif import HeifImageFile

    return with_notes(HeifImageFile(io.BytesIO(data)))


def open_avif(data: bytes) -> OpenedPicture:
    """An AVIF file."""
    from PIL.AvifImagePlugin import AvifImageFile

    return with_notes(AvifImageFile(io.BytesIO(data)))


def with_notes(image: ImageFile) -> OpenedPicture:
    """A picture whose notes Pillow has found."""
    exif, icc = image.info.get("exif"), image.info.get("icc_profile")
    return OpenedPicture(image=image, exif=bytes(exif or b""), icc=bytes(icc or b""))


class Tiff(TiffImageFile):
    """Pillow's TIFF reader without its own limit on the size, which knows nothing of ours."""

    def load_prepare(self) -> None:
        """Make room for the pixels."""
        if self._im is None:
            self.im = PILImage.new(self.mode, self._tile_size).im
        super().load_prepare()


def opener_of(plugin: Callable[[io.BytesIO], ImageFile]) -> Opener:
    """For what one of Pillow's readers knows; of several pictures the first is shown."""
    return lambda data: with_notes(plugin(io.BytesIO(data)))


OPENERS: dict[str, Opener] = {  # by the name of the format
    "jpeg": open_jpeg,
    "png": opener_of(PngImageFile),
    "webp": opener_of(WebPImageFile),
    "gif": opener_of(GifImageFile),
    "bmp": opener_of(BmpImageFile),
    "tiff": open_tiff,
    "avif": open_avif,
    "heic": open_heif,
}
