"""What a photo is given while its pixels are at hand: what the tower's classifier guesses, and whether it is blurred
or has no colours.

A classifier of a thousand classes is often wrong and seldom far off: a vulture or a magpie is a bird. So its likeliest
classes together make one vector, the mean of their names' vectors, weighted by the roots of their chances (ConSE,
Norouzi et al., arXiv:1312.5650), and one region of kind "guess". It has no text: nobody is shown a guess, a search
hears it.

A sharp photo has fine edges: the variance of its Laplacian is a large share of the variance of its greys. Measured on a
reduced picture, so what looks sharp on a screen is sharp.

Shape key:  C classes, D width of the space, H, W sides of the reduced picture
"""

from dataclasses import replace
from functools import cached_property

import numpy as np
from PIL import Image

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.heads import ClassGuess, read_class_names
from deepseek_mm.embeddings.space import Floats, unit
from deepseek_mm.vision.colours import is_colourless
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from deepseek_mm.vision.vocabulary import keep_vectors, words_folder
from index.region import Label, Region

GUESS, BLURRY, COLOURLESS = "guess", "blurry", "black and white"  # the kind of region; two labels
SIDE_PX = 256  # shorter side of the picture whose sharpness is measured
BLURRED = 0.012  # sharpness below which a photo is blurred: the median of the bundled ones has 0.3
LEAST_CONTRAST = 4.0  # deviation of greys below which there is nothing to be sharp


class PhotoTraits:
    """Adds to photos what it makes of them."""

    def __init__(self, eyes: VisionPipeline) -> None:
        self.space, self.index_space = eyes.space, eyes.index_space

    @cached_property
    def _classes(self) -> dict[str, Floats]:
        """The vector of each class's name: to make them takes seconds, so they are kept in a file."""
        names = [usual for usual, *_ in read_class_names()]
        known = (self.index_space.fingerprint, GUESS)
        vectors_CD = keep_vectors(self.index_space.embed_texts, names, words_folder(), known=known)
        return dict(zip(names, vectors_CD, strict=True))

    def regions(self, picture: ImageAnalysis) -> tuple[tuple[Region, ...], Floats]:
        """The regions of a picture and their vectors (R, D), with what is added."""
        assert picture.vectors_ND is not None, "the pipeline has seen it"
        whole, *parts = picture.regions
        if not whole.source.is_video:  # of a movement some picture always is blurred
            measured = {BLURRY: is_blurred(picture.image), COLOURLESS: is_colourless(picture.image)}
            labels = [Label(name=name, score=1.0) for name, is_so in measured.items() if is_so]
            whole = replace(whole, labels=(*whole.labels, *labels)) if labels else whole
        guesses = self._guess(picture)
        if not guesses:
            return (whole, *parts), picture.vectors_ND
        guessed = Region(source=whole.source, kind=GUESS, box_px=whole.box_px, at_ms=whole.at_ms)
        return (whole, *parts, guessed), np.concatenate([picture.vectors_ND, self._mean_of(guesses)[None]])

    def _guess(self, picture: ImageAnalysis) -> tuple[ClassGuess, ...]:
        """What the space's classifier takes it for; nothing where it has none."""
        cells_PC = picture.features.cells_PC if picture.features else None
        if cells_PC is None or not isinstance(self.space, DefaultSpace):
            return ()
        return self.space.guess_classes(cells_PC)

    def _mean_of(self, guesses: tuple[ClassGuess, ...]) -> Floats:
        names_CD = np.stack([self._classes[guess.name] for guess in guesses])
        roots_C = np.sqrt(np.array([guess.chance for guess in guesses], np.float32))
        mean_D: Floats = unit((roots_C @ names_CD)[None])[0]
        return mean_D


def is_blurred(image: Image.Image) -> bool:
    """Whether a photo has greys, but no fine edges."""
    grey_HW = reduce_to_grey(image)
    return float(grey_HW.std()) >= LEAST_CONTRAST and measure_sharpness(grey_HW) < BLURRED


def reduce_to_grey(image: Image.Image) -> Floats:
    """(H, W): its greys, 0 to 255, the shorter side at most SIDE_PX."""
    scale = min(1.0, SIDE_PX / max(1, min(image.size)))
    size = (max(3, round(image.width * scale)), max(3, round(image.height * scale)))
    return np.asarray(image.convert("L").resize(size, Image.Resampling.BOX), np.float32)


def measure_sharpness(grey_HW: Floats) -> float:
    """Variance of the Laplacian as a share of the variance of the greys."""
    inner = grey_HW[1:-1, 1:-1]
    around = grey_HW[:-2, 1:-1] + grey_HW[2:, 1:-1] + grey_HW[1:-1, :-2] + grey_HW[1:-1, 2:]
    return float((around - 4 * inner).var() / max(1e-6, float(grey_HW.var())))
