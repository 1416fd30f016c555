"""Any kind of picture becomes 8-bit RGB as a screen shows it (sRGB), reduced to a long side of LONG_SIDE_PX.

A colour profile says what the numbers mean: the same three numbers are one red in sRGB and a stronger one in Display
P3. A profile that calls itself sRGB costs a look at its name; any other is applied by LittleCMS to the reduced picture.
A profile that is damaged, or of another kind of colour than the picture, is ignored: colours a little off are better
than no picture.
"""

import io

import numpy as np
from PIL import Image as PILImage
from PIL import ImageCms
from PIL.Image import Image

from deepseek_mm.parse.nouns import LONG_SIDE_PX

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
