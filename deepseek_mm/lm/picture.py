"""A picture as a language model is shown it."""

from PIL.Image import Image

MAX_SIDE_PX = 1024  # models look at less, and every tile more costs time


def shrink_picture(image: Image) -> Image:
    """A copy: a larger picture is made smaller, a transparent one loses its transparency."""
    shown = image.convert("RGB")
    shown.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    return shown
