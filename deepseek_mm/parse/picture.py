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
from collections.abc import Callable, Iterator
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
CLEAR = ("RGBA", "LA", "PA", "RGBa")
WIDE = ("I", "F")  # grey with more than 16 bits
Levels = tuple[float, float]
BAND_PX = 1_000_000  # pixels that are converted at a time
SMALL_PX = 10_000_000  # pixels of a picture that is converted as a whole
HUGE_PX = 50_000_000  # pixels beyond which nothing is left for a copy at twice the size that is wanted
MOST_PASSES = 100  # of a JPEG that comes in passes over the whole picture; programs write some ten
MOST_PASSES_USUAL = 12  # of these, however large it is
MOST_PASS_PX = 1_000_000_000  # pixels of all passes beyond that
START_OF_PASS = b"\xff\xda"
MOST_HELD_BYTES = 400_000_000  # of a JPEG in passes, all of which is held until the last one
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC  # white stays white


def small_rgb(image: Image, icc: bytes = b"") -> Image:
    """The picture in sRGB: 16 bits become 8, and what is transparent shows white."""
    small, alpha = reduce_size(image, clear="transparency" in image.info or image.mode in CLEAR)
    rgb = to_srgb(small, icc)
    if alpha is None:
        return rgb
    return PILImage.composite(rgb, PILImage.new("RGB", rgb.size, "white"), alpha)


def eight_bits(image: Image, levels: Levels) -> Image:
    """Grey with more than 8 bits as 8: of 16 the upper half, of any other from the lowest value to the highest."""
    if image.mode.startswith("I;16"):
        return PILImage.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode not in WIDE:
        return image
    values, (low, high) = np.nan_to_num(np.asarray(image, np.float64)), levels
    return PILImage.fromarray(((values - low) * (255 / max(high - low, 1e-30))).round().astype(np.uint8))


def find_levels(image: Image) -> Levels:
    """The lowest and the highest value of grey with more than 16 bits."""
    if image.mode not in WIDE:
        return 0.0, 0.0
    values = (np.nan_to_num(np.asarray(band, np.float64)) for _, band in bands(image))
    lows, highs = zip(*((float(each.min()), float(each.max())) for each in values), strict=True)
    return min(lows), max(highs)


def reduce_size(image: Image, *, clear: bool) -> tuple[Image, Image | None]:
    """The reduced picture in a mode that a profile can be for, and how opaque it is.

    What is transparent often has some hidden colour, so a clear picture is reduced with its alpha. A large picture is
    reduced band by band, since a second one of its size would need as much memory again.
    """
    levels = find_levels(image)

    def convert(part: Image) -> Image:
        part = eight_bits(part, levels)
        return part.convert("RGBA" if clear else "RGB") if clear or part.mode not in MODES else part

    if image.width * image.height <= SMALL_PX:
        small = convert(image)
    else:
        small = reduce_bands(image, convert, is_tight=clear or image.width * image.height > HUGE_PX)
    small.thumbnail((LONG_SIDE_PX, LONG_SIDE_PX))
    return (small.convert("RGB"), small.getchannel("A")) if clear else (small, None)


def reduce_bands(image: Image, convert: Callable[[Image], Image], *, is_tight: bool) -> Image:
    """The picture at twice the size that it is to have, or at that size where it `is_tight`, each band converted."""
    share = LONG_SIDE_PX * (1 if is_tight else 2) / max(image.size)
    factors = tuple(max(1, int(side / max(1, side * share))) for side in image.size)
    small: Image | None = None
    for top, band in bands(image, factors[1]):
        part = convert(band).reduce((factors[0], factors[1]))
        if small is None:
            small = PILImage.new(part.mode, (part.width, -(-image.height // factors[1])))
        small.paste(part, (0, top // factors[1]))
    assert small is not None, "a picture has rows"
    return small


def bands(image: Image, step: int = 1) -> Iterator[tuple[int, Image]]:
    """Bands of about a million pixels with the row that each begins at, whose numbers `step` divides."""
    rows = max(1, BAND_PX // image.width // step) * step
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


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
BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2}  # of a pixel as Pillow holds it; of all other modes four
MOST_SHARE = 0.75  # of the memory that a picture may need, beyond which what fails may lack memory
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
    opened: OpenedPicture | None = None
    try:
        opened = opener(data)
        check_size(opened.image, name=name, max_pixels=config.max_pixels)
        size, note = opened.image.size, note_on(opened.image)
        small = small_rgb(decode_pixels(opened.image, config.draft_px), opened.icc)
    except BadPicture:
        raise
    except DAMAGE as error:
        if opened is not None and measure_bytes(opened.image) > MOST_SHARE * config.worker_memory_mb * 1_000_000:
            raise MemoryError from error  # which decoders call by other names
        raise BadPicture(f"{name} is damaged or cut short: {error}. Copy it again from where it came") from error
    camera = read_exif(opened.exif)
    if opened.turned:
        return small, replace(camera, orientation=1), size, note
    turn = UPRIGHT.get(camera.orientation)
    upright = small.transpose(turn) if turn is not None else small
    return upright, camera, size[::-1] if camera.orientation in SIDEWAYS else size, note


def measure_bytes(image: ImageFile) -> int:
    """What its pixels take in memory."""
    return image.width * image.height * BYTES.get(image.mode, 4)


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
        for top, band in bands(image):  # Pillow reads all inks as Adobe writes them: turned around
            image.paste(ImageChops.invert(band), (0, top))
    return image


def open_jpeg(data: bytes) -> OpenedPicture:
    """A whole JPEG file; its notes never reach the decoder, since a damaged note must not cost the picture."""
    if not image_metadata.is_whole(data):
        raise ValueError("the end of the picture is missing")
    image = JpegImageFile(io.BytesIO(image_metadata.without_notes(data)))
    check_passes(image, data.count(START_OF_PASS))
    return OpenedPicture(image=image, exif=image_metadata.exif_of(data), icc=image_metadata.icc_of(data))


def check_passes(image: JpegImageFile, passes: int) -> None:
    """ValueError for a JPEG that is made to take for ever, or more memory than its pixels."""
    pixels, parts = image.width * image.height, [(part[1], part[2]) for part in image.layer]
    if passes <= 1:
        return
    if passes > MOST_PASSES or passes * pixels > max(MOST_PASS_PX, MOST_PASSES_USUAL * pixels):
        raise ValueError(f"it goes over its pixels {passes:,} times, as no program writes it")
    widest, tallest = (max(sides) for sides in zip(*parts, strict=True))
    held = sum(2 * pixels * across * down // (widest * tallest) for across, down in parts)
    if held > MOST_HELD_BYTES:
        raise ValueError(f"it comes in passes, all of which would need {held // 1_000_000:,} MB. Save it without them")


def open_tiff(data: bytes) -> OpenedPicture:
    """A TIFF file. The camera's notes are a TIFF file themselves: here they are the file."""
    return replace(with_notes(Tiff(io.BytesIO(data))), exif=data, turned=True)


def open_webp(data: bytes) -> OpenedPicture:
    """A WebP file. MemoryError for one whose canvases alone, of which its decoder has several, are beyond the limit."""
    try:
        return with_notes(WebPImageFile(io.BytesIO(data)))
    except (OSError, RuntimeError):
        if webp_pixels(data) > WEBP_PX:
            raise MemoryError from None
        raise


def webp_pixels(data: bytes) -> int:
    """How many pixels a WebP says that it has (RFC 9649, section 2.5 to 2.7); 0 if it does not say so."""
    form, at = data[12:16], {b"VP8X": 24, b"VP8 ": 26, b"VP8L": 21}.get(data[12:16], 0)
    if form == b"VP8X":
        return (1 + int.from_bytes(data[at : at + 3], "little")) * (1 + int.from_bytes(data[at + 3 : at + 6], "little"))
    sides = int.from_bytes(data[at : at + 4], "little") if at else 0
    if form == b"VP8L":
        return (1 + (sides & WEBP_SIDE)) * (1 + (sides >> 14 & WEBP_SIDE))
    return (sides & WEBP_SIDE) * (sides >> 16 & WEBP_SIDE)


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


WEBP_PX = 15_000_000  # pixels from which a decoder that cannot be made lacks memory rather than sense
WEBP_SIDE = 0x3FFF  # bits of a side


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
    "webp": open_webp,
    "gif": opener_of(GifImageFile),
    "bmp": opener_of(BmpImageFile),
    "tiff": open_tiff,
    "avif": open_avif,
    "heic": open_heif,
}
