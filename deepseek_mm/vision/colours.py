"""Colour names: what a person would call the colours of a box.

A box is shrunk to some hundred pixels, each pixel takes the name of the nearest anchor, and the names are counted.
Distance is measured in CIE Lab, where equal steps look about equally large. Lightness counts for less than hue, and
every hue has dark and pale anchors: a shadow on a red car is dark red, not black, and only what has no hue at all is
black, grey or white. Brown beside enough yellow, orange or red of the same hue is its shadow, as on bananas. A dim
picture is brightened first, so that a white shirt is white indoors too. In a part of a picture the middle counts for
more than the corners, which belong to the background.

Shape key:  P pixels, A anchors, K names; a trailing 3 is red, green, blue or L, a, b
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage
from PIL.Image import Image

from deepseek_mm.embeddings.space import Share
from index import Box

Floats = NDArray[np.float64]

ANCHORS = {  # name -> sRGB colours that people call by it
    "black": "000000 0c0c0c 181818 242424 101318 171310 2a2a2a 2a2826",
    "white": "ffffff f4f4f4 e8e8e8 dedede fbf6ee e9e4dc eaf0f6 f0f0f8",
    "grey": "464646 525252 606060 747474 888888 9c9c9c b0b0b0 c4c4c4 6e6a66 949088 b9b4ac 666a70 8c949c b4bcc4",
    "red": "ff0000 e01818 c01020 a00010 800000 5a0000 380408 d83838 b02838 902030 ff3820 5c1020 a05450 4a0200",
    "orange": "ff8000 ff9a20 e87010 f05a10 d06000 ffa850 f08a4c ffb060 e09040 d88830 e88838",
    "yellow": (
        "ffff00 ffe000 f0d020 d8c000 ffff70 fff4a0 c0b010 e8c840 fffeb0 ffc812 c8a008 c89810 d0d040 c8c830 "
        "e0e850 e8f060 d8d018"
    ),
    "green": (
        "00ff00 00c000 008000 005000 002c00 60c040 90e060 406830 70d0b0 607020 809040 a0d8a0 90a080 c0ff60 "
        "20a070 308060 c0f0c0 1e2c14 98b020 9cbc08 c8ffb0 485428 18e898 006848 5a6848"
    ),
    "blue": (
        "0000ff 0000b0 000070 000038 0060ff 3080e0 60a8f0 a0d0f8 103060 284878 506c98 7890b8 a0b4d0 00b8ff "
        "00d0e8 008cb0 206080 101c38 4858d0 6070f8 0404d8 2818d8 3a30ff d4fafe c8e4ff 5c7890 566680 283448 "
        "389cb0 80dce8"
    ),
    "purple": (
        "800080 6020a0 400060 240038 9040d8 7000ff a060c8 b890e0 d0b8f0 603070 885090 401848 a078a8 c040e0 "
        "8c6cc0 5c5080"
    ),
    "pink": (
        "ff80c0 ff40a0 f010a0 ffb0d0 ffd0e0 e06090 d04080 f0a0a8 d88098 c88898 ffb0a8 ff00c0 e8c8d0 c05070 "
        "ff70e0 c89890 d8a8a0 ff9090"
    ),
    "brown": (
        "804010 602c08 401c04 281004 a05c28 8c6440 6c4c30 483424 785848 5c3c28 a07850 987838 342014 7c5020 "
        "a87804 907008 b07838"
    ),
    "beige": "d8c0a0 e8d8b8 f0e4cc c8b090 c4a880 e0c8b0 d4c4a8 f4ecd0 b8a488 e8d0b8 dcccb0 c8b89c e8c89c",
}
NAMES = tuple(ANCHORS)
LIGHTNESS_WEIGHT = 0.55  # of a lightness step against an equal step of hue
SIDE_PX = 24  # a box is shrunk to this many pixels a side
GREY_PX = 96  # sides of the copy that tells whether a picture has colours
COLOURED = 98  # percentile of pixels, by the difference of their strongest and weakest channel, that tells
COLOURLESS = 8.0  # of 255: below it all is grey. Of 2,500 photos of Flickr8k in colour none lies below; the least is 9
SAMPLES = 4  # looks a side that one of these pixels is the mean of
SMALLEST_SHARE = 0.15  # of the votes that a second colour needs
CENTRE_SIGMA = 0.3  # of a part's bell of weights, as a share of its side
BRIGHTEST = 245  # what the brightest things of a dim picture are lifted to
WARM = ("yellow", "orange", "red")  # colours whose shadows look brown
SAME_HUE_DEGREES = 12  # a shadow lies this close to its colour in the a, b plane
GROUND_REACH = 0.3  # of a box's side: how far around it its ground is looked at
GROUND_WEIGHT = 0.7  # how much a colour of the ground speaks against being the thing's
THING_SIGMA = 0.17  # of a thing's bell of weights: its middle is mostly itself
GREYNESS = 0.15  # taken from grey, which is the colour of shadows
LARGEST_GAIN = 1.25  # of that lift: a picture of a grey wall must stay grey


def lab(rgb_P3: NDArray[np.uint8]) -> Floats:
    """sRGB, 0 to 255, to CIE 1976 L*a*b* under D65: L 0 to 100, a and b about -110 to 110.

    IEC 61966-2-1 gives the curve and the matrix to XYZ, CIE 15:2004 section 8.2.1 the step from XYZ to L*a*b*.
    """
    s_P3 = rgb_P3 / 255.0
    linear_P3 = np.where(s_P3 <= 0.04045, s_P3 / 12.92, ((s_P3 + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]])
    ratio_P3 = linear_P3 @ to_xyz.T / np.array([0.95047, 1.0, 1.08883])
    f_P3 = np.where(ratio_P3 > (6 / 29) ** 3, np.cbrt(ratio_P3), ratio_P3 * (29 / 6) ** 2 / 3 + 4 / 29)
    x_P, y_P, z_P = np.moveaxis(f_P3, -1, 0)
    lab_P3: Floats = np.stack([116 * y_P - 16, 500 * (x_P - y_P), 200 * (y_P - z_P)], axis=-1)
    return lab_P3


def to_squeezed_lab(rgb_P3: NDArray[np.uint8]) -> Floats:
    """Lab with its lightness axis shortened, so that a shadow moves a colour less than another hue does."""
    short_P3: Floats = lab(rgb_P3) * np.array([LIGHTNESS_WEIGHT, 1, 1])
    return short_P3


@cache
def anchor_table() -> tuple[Floats, NDArray[np.intp]]:
    """Anchors as squeezed Lab (A, 3), and the number of each one's name (A,)."""
    rows = [(bytes.fromhex(code), number) for number, codes in enumerate(ANCHORS.values()) for code in codes.split()]
    rgb_A3 = np.array([list(rgb) for rgb, _ in rows], dtype=np.uint8)
    return to_squeezed_lab(rgb_A3), np.array([number for _, number in rows])


def name_of(rgb_P3: NDArray[np.uint8]) -> NDArray[np.intp]:
    """(P,): for each pixel the place of its colour's name in NAMES."""
    anchors_A3, numbers_A = anchor_table()
    pixels_P3 = to_squeezed_lab(rgb_P3)
    distance_PA = (anchors_A3**2).sum(axis=1) - 2 * pixels_P3 @ anchors_A3.T  # squared, less the pixel's own length
    names_P: NDArray[np.intp] = numbers_A[distance_PA.argmin(axis=1)]
    return names_P


def lit(names_P: NDArray[np.intp], rgb_P3: NDArray[np.uint8], weights_P: Floats) -> NDArray[np.intp]:
    """The names, with brown that is the shadow of a warm colour in the same box called by that colour."""
    names_P, brown = names_P.copy(), NAMES.index("brown")
    ab_P2 = lab(rgb_P3)[:, 1:]
    direction_P2 = ab_P2 / np.maximum(np.linalg.norm(ab_P2, axis=1, keepdims=True), 1e-9)
    for number in map(NAMES.index, WARM):
        weights_here_P = weights_P * (names_P == number)
        if weights_here_P.sum() >= SMALLEST_SHARE * weights_P.sum():
            hue_2 = weights_here_P @ direction_P2
            same_P = direction_P2 @ hue_2 > np.cos(np.radians(SAME_HUE_DEGREES)) * np.linalg.norm(hue_2)
            names_P[(names_P == brown) & same_P] = number
    return names_P


def centre_weights(side: int, sigma: float = CENTRE_SIGMA) -> Floats:
    """(side * side,): a round bell, 1 in the middle."""
    offset = (np.arange(side) + 0.5) / side - 0.5
    bell = np.exp(-(offset**2) / (2 * sigma**2))
    weights_P: Floats = np.outer(bell, bell).ravel()
    return weights_P


def shrunk(image: Image, box: Box, side: int = SIDE_PX) -> NDArray[np.uint8]:
    """(side * side, 3): means of evenly spread looks, so that the cost does not grow with the box."""
    looks = image.resize((side * SAMPLES, side * SAMPLES), PILImage.Resampling.NEAREST, box=box)
    return np.asarray(looks.convert("RGB").resize((side, side), PILImage.Resampling.BOX)).reshape(-1, 3)


def exposure_gain(rgb_P3: NDArray[np.uint8]) -> float:
    """How much a whole picture must be brightened for its brightest things to look white, at most LARGEST_GAIN."""
    return float(np.clip(BRIGHTEST / max(np.percentile(rgb_P3.max(axis=1), 98), 1), 1, LARGEST_GAIN))


def colours_looked_at(image: Image, heat_GG: NDArray[np.float32]) -> dict[str, float]:
    """The colours of a picture where it was looked at most, with their shares; they sum to 1."""
    grid_S = np.arange(SIDE_PX) * len(heat_GG) // SIDE_PX
    weights_P = (heat_GG.astype(np.float64) ** 2)[np.ix_(grid_S, grid_S)].ravel()
    pixels_P3 = shrunk(image, (0, 0, *image.size))
    return dict(zip(NAMES, votes(pixels_P3, exposure_gain(pixels_P3), weights_P).tolist(), strict=True))


def brighten(pixels_P3: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    """Brightened."""
    lifted_P3: NDArray[np.uint8] = np.minimum(pixels_P3 * gain, 255).astype(np.uint8)
    return lifted_P3


def votes(pixels_P3: NDArray[np.uint8], gain: float, weights_P: Floats) -> Floats:
    """(K,): the share of each name."""
    lifted_P3 = brighten(pixels_P3, gain)
    names_P = lit(name_of(lifted_P3), lifted_P3, weights_P)
    votes_K: Floats = np.bincount(names_P, weights_P, minlength=len(NAMES)) / weights_P.sum()
    return votes_K


class Palette:
    """Names the colours of one picture's boxes; how much light it lacks is found once."""

    def __init__(self, image: Image) -> None:
        self._image, self._whole = image, (0, 0, *image.size)
        self._whole_P3 = shrunk(image, self._whole)
        self._gain = exposure_gain(self._whole_P3)

    def names(self, box_px: Box | None, *, limit: int = 2) -> tuple[str, ...]:
        """The dominant colours of a box, most of the area first; None is the whole picture, evenly weighted."""
        is_part = box_px is not None and box_px != self._whole
        pixels_P3 = shrunk(self._image, box_px) if box_px and is_part else self._whole_P3
        weights_P = centre_weights(SIDE_PX) if is_part else np.ones(SIDE_PX * SIDE_PX)
        votes_K = votes(pixels_P3, self._gain, weights_P)
        best_K = np.argsort(-votes_K, kind="stable")[:limit]
        return tuple(NAMES[k] for rank, k in enumerate(best_K) if rank == 0 or votes_K[k] >= SMALLEST_SHARE)


def colours_of_thing(image: Image, share: Share, *, has_ground: bool = True) -> dict[str, float]:
    """How much each colour is the thing's in a box, not its ground's: what its middle has, less what lies around.

    The likeliest comes first; 1 is a thing of one colour on another ground. Without `has_ground` all of the box counts.
    """
    gain, even = exposure_gain(shrunk(image, (0, 0, *image.size))), np.ones(SIDE_PX * SIDE_PX)
    inner_P3 = shrunk(image, box_on(image, share))
    middle_K = votes(inner_P3, gain, centre_weights(SIDE_PX, THING_SIGMA) if has_ground else even)
    if has_ground:
        wide, high = GROUND_REACH * (share[2] - share[0]), GROUND_REACH * (share[3] - share[1])
        around = (share[0] - wide, share[1] - high, share[2] + wide, share[3] + high)
        outer = box_on(image, around)
        area = (outer[2] - outer[0]) * (outer[3] - outer[1])
        own = box_on(image, share)
        own_area = (own[2] - own[0]) * (own[3] - own[1])
        ring_K = area * votes(shrunk(image, outer), gain, even) - own_area * votes(inner_P3, gain, even)
        ring_K = np.maximum(ring_K, 0)
        middle_K = middle_K - GROUND_WEIGHT * ring_K / max(float(ring_K.sum()), 1e-9)
        middle_K[NAMES.index("grey")] -= GREYNESS
    return {NAMES[k]: float(middle_K[k]) for k in np.argsort(-middle_K, kind="stable")}


def box_on(image: Image, share: Share) -> Box:
    """A part of a picture in its pixels, inside it and never empty."""
    left, top = (min(side - 1, max(0, int(low * side))) for low, side in zip(share[:2], image.size, strict=True))
    right, bottom = (min(side, round(high * side)) for high, side in zip(share[2:], image.size, strict=True))
    return (left, top, max(left + 1, right), max(top + 1, bottom))


def is_colourless(image: Image) -> bool:
    """Whether a picture is black and white, as far as a small copy of it tells."""
    rgb_SS3 = np.asarray(image.convert("RGB").resize((GREY_PX, GREY_PX)), np.float32)
    return float(np.percentile(rgb_SS3.max(axis=2) - rgb_SS3.min(axis=2), COLOURED)) < COLOURLESS


def colour_mask(image: Image, colour: str, side: int) -> Floats:
    """(side, side): 1 where a picture made so small has this colour, and 0 elsewhere."""
    pixels_P3 = shrunk(image, (0, 0, *image.size), side)
    return np.asarray(
        name_of(brighten(pixels_P3, exposure_gain(pixels_P3))) == NAMES.index(colour), np.float64
    ).reshape(side, side)
