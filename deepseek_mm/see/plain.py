"""Is there anything to see in a picture? A single colour shows nothing, and neither does noise.

Shape key:  H, W sides of the small copy
"""

import numpy as np
from PIL import Image

SIDE_PX, COARSE_PX = 128, 16
FLAT = 3.0  # standard deviation of the grey values, of 255, below which nothing stands out
NOISE = 0.25  # share of that deviation which is left in a coarse copy: photos keep most of it, noise none


def shows_nothing(image: Image.Image) -> bool:
    """A blank picture, or noise."""
    grey = image.convert("L").resize((SIDE_PX, SIDE_PX), Image.Resampling.NEAREST)
    spread = float(np.asarray(grey, np.float32).std())
    if spread < FLAT:
        return True
    coarse = grey.resize((COARSE_PX, COARSE_PX), Image.Resampling.BOX)
    return float(np.asarray(coarse, np.float32).std()) < NOISE * spread
