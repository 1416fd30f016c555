"""A part of a picture, by a box that somebody drew or typed."""

from PIL.Image import Image

from deepseek_mm.errors import BadFile
from index import Box


def cut(image: Image, box: Box, size: tuple[int, int]) -> Image:
    """What lies in the box, which is given in pixels of `size`; the picture may be a reduced copy of that.

    What lies beside the picture is left out. BadFile if the box holds nothing of it.
    """
    edges = zip(box, size * 2, image.size * 2, strict=True)
    left, top, right, bottom = (round(min(max(edge, 0), whole) * now / max(1, whole)) for edge, whole, now in edges)
    if left >= right or top >= bottom:
        named = ",".join(map(str, box))
        raise BadFile(f"the box {named} holds nothing of this picture, which is {size[0]} x {size[1]}. Name another")
    return image.crop((left, top, right, bottom))
