"""Small copies of pictures, a quiet plate where there is none, and the colours of numbered boxes."""

from PIL import Image, ImageDraw, ImageFont

THUMB_PX = 512  # longest side of a thumbnail
LARGE_PX = 1600  # longest side of a photo that is looked at
INKS = ("#d1243f", "#0969da", "#1a7f37", "#9a6700", "#8250df", "#bf3989", "#0e7c86", "#57606a")  # all carry white text
PAPER = "#eef0f2"


def ink(number: int) -> str:
    """The colour of a number; numbers beyond the table start over."""
    return INKS[(number - 1) % len(INKS)]


def shrink(image: Image.Image, longest_px: int) -> Image.Image:
    """An RGB copy whose longer side is at most `longest_px`; a smaller one keeps its size."""
    scale = min(1.0, longest_px / max(image.size))
    if scale == 1:
        return image.convert("RGB").copy()
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def blank(text: str, *, size: tuple[int, int] = (384, 288)) -> Image.Image:
    """A quiet plate in place of a photo that cannot be shown."""
    plate = Image.new("RGB", size, PAPER)
    font = ImageFont.load_default(18)  # Pillow's own, so that no machine lacks it
    ImageDraw.Draw(plate).text((size[0] / 2, size[1] / 2), text, fill="#57606a", font=font, anchor="mm")
    return plate
