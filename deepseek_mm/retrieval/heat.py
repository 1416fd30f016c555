"""Where in a picture a query is found: a heat of each cell, drawn over the photo; and the piece of a picture in a box.

A cell's heat is its cosine with the query, from the picture's median cell (0, cold) to its nearest one (1, hot). Cells
that hardly differ stay cold: noise is not stretched until it looks like a find. The two cosines are told along, so that
a legend can say how near "hot" is.

Shape key:  D width of the space, H, W cells of the feature map
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.errors import BadFile
from deepseek_mm.language.search_syntax import in_words
from deepseek_mm.retrieval.search import Search
from deepseek_mm.types import Query
from index import Box

LEAST_SPAN = 0.2  # of cosines between cold and hot: in photos without the thing the nearest cell is about 0.15 above
SIDE_PX = 288  # longest side of the drawn heat: cells are 9 x 9, a browser stretches it over the photo
INKS = ((59, 15, 112), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191))  # cold to hot, dark to light
MOST_OPAQUE = 0.78  # the photo stays visible where it is hottest


@dataclass(frozen=True, kw_only=True, slots=True)
class Heat:
    """How much each cell of a picture speaks for a query."""

    cells_HW: tuple[tuple[float, ...], ...]  # rows from the top, 0 (as its usual cell) to 1 (its nearest one)
    low: float  # the cosine that is 0
    high: float  # the cosine that is 1

    def to_image(self, size: tuple[int, int]) -> Image.Image:
        """An RGBA picture of these proportions, clear where it is cold, to be laid over the photo."""
        scale = SIDE_PX / max(1, *size)
        width, height = (max(1, round(side * scale)) for side in size)
        heat = Image.fromarray(np.array(self.cells_HW, np.float32)).resize((width, height), Image.Resampling.BICUBIC)
        return Image.fromarray(colour_heat(np.clip(np.asarray(heat), 0, 1)))


def heat_map(search: Search, query: Query, image: Image.Image) -> Heat:
    """What of the picture speaks for what the query's box means, by one look of the space's image tower."""
    vector_D = search.embed([in_words(query)])[0]
    (look,) = search.space.look_many([image])
    return heat_of(look.grid_HWD, vector_D)


def heat_of(grid_HWD: Floats, vector_D: Floats) -> Heat:
    """From the cells' vectors and the query's, all of length 1."""
    cosine_HW = grid_HWD @ vector_D
    low = float(np.median(cosine_HW))
    high = max(float(cosine_HW.max()), low + LEAST_SPAN)
    heat_HW = np.clip((cosine_HW - low) / (high - low), 0, 1)
    rows = tuple(tuple(round(float(heat), 4) for heat in row) for row in heat_HW)
    return Heat(cells_HW=rows, low=round(low, 4), high=round(high, 4))


def colour_heat(heat_HW: Floats) -> NDArray[np.uint8]:
    """(H, W, 4): dark and clear where it is 0, light and nearly opaque where it is 1."""
    stops = np.linspace(0, 1, len(INKS))
    channels = [np.interp(heat_HW, stops, ink) for ink in zip(*INKS, strict=True)]
    return np.stack([*channels, 255 * MOST_OPAQUE * heat_HW], axis=-1).round().astype(np.uint8)


def cut(image: Image.Image, box: Box, size: tuple[int, int]) -> Image.Image:
    """What lies in the box, which is given in pixels of `size`; the picture may be a reduced copy of that.

    What lies beside the picture is left out. BadFile if the box holds nothing of it.
    """
    edges = zip(box, size * 2, image.size * 2, strict=True)
    left, top, right, bottom = (round(min(max(edge, 0), whole) * now / max(1, whole)) for edge, whole, now in edges)
    if left >= right or top >= bottom:
        named = ",".join(map(str, box))
        raise BadFile(f"the box {named} holds nothing of this picture, which is {size[0]} x {size[1]}. Name another")
    return image.crop((left, top, right, bottom))
