"""Where a photo was taken, on two small maps: the world, and what lies around the place.

Both are windows on one drawing, styles/world.svg, which the browser fetches once and from this server (made by
tests/make_world_map.py). It is an equirectangular projection in tenths of a degree: x grows to the east, y to the
south. Near a place a degree of longitude is shorter than one of latitude by the cosine of the latitude, so the closer
window is that much wider.
"""

import math
from dataclasses import dataclass
from html import escape

from ui.words import UiTexts

WORLD_PATH = "/world.svg"  # where the server has the drawing
WIDE, HIGH = 3600.0, 1800.0  # of the whole drawing
CLOSE = 160.0  # height of the closer window: 16 degrees, about 1,800 km
ASPECT = 2.0  # width over height of both, as they are shown


@dataclass(frozen=True, kw_only=True, slots=True)
class MapWindow:
    """A part of the drawing, in tenths of a degree."""

    left: float = 0.0
    top: float = 0.0
    wide: float = WIDE
    high: float = HIGH

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point of the drawing as shares of the window's sides."""
        return (x - self.left) / self.wide, (y - self.top) / self.high


def project(latitude: float, longitude: float) -> tuple[float, float]:
    """Degrees, north and east positive, as a point of the drawing."""
    return 10 * (180 + longitude), 10 * (90 - latitude)


def window_around(latitude: float, longitude: float) -> MapWindow:
    """The closer window: the place in its middle, but near the poles."""
    x, y = project(latitude, longitude)
    wide = min(WIDE, CLOSE * ASPECT / max(0.01, math.cos(math.radians(latitude))))
    top = min(max(0.0, y - CLOSE / 2), HIGH - CLOSE)
    return MapWindow(left=x - wide / 2, top=top, wide=wide, high=CLOSE)


def render_maps(latitude: float, longitude: float, words: UiTexts) -> str:
    """Both maps."""
    point, close = project(latitude, longitude), window_around(latitude, longitude)
    world = render_window(MapWindow(), point, words.map_world)
    return f'<div class="maps">{world}{render_window(close, point, words.map_close)}</div>'


def render_window(window: MapWindow, point: tuple[float, float], name: str) -> str:
    """One of them, with a pin; beyond the line where dates change the drawing goes on from its other side."""
    across, down = window.place(*point)
    beyond = (WIDE if window.left + window.wide > WIDE else 0.0, -WIDE if window.left < 0 else 0.0)
    land = "".join(_use("land", shift) for shift in sorted({0.0, *beyond}))
    borders = "".join(_use("borders", shift) for shift in sorted({0.0, *beyond}))
    box = f"{window.left:.1f} {window.top:.1f} {window.wide:.1f} {window.high:.1f}"
    return (
        f'<span class="map" role="img" aria-label="{escape(name)}" title="{escape(name)}">'
        f'<svg viewBox="{box}" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        f'{land}<g class="borders">{borders}</g></svg>'
        f'<i style="left:{100 * across:.2f}%;top:{100 * down:.2f}%"></i></span>'
    )


def _use(part: str, shift: float) -> str:
    """A part of the drawing, moved to the east."""
    return f'<use href="{WORLD_PATH}#{part}" x="{shift:.0f}"></use>'
