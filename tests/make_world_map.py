"""Makes ui/styles/world.svg, the outline of the world for the viewer's maps, from Natural Earth at 1:110,000,000.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python tests/make_world_map.py package ui/styles/world.svg

The package (ISC) holds Natural Earth's land and countries, which are in the public domain, as TopoJSON: arcs of whole
numbers, each point the difference to the one before. An arc that two countries share is a border. Coordinates of the
file made are tenths of a degree from the upper left: x = 10 (180 + longitude), y = 10 (90 - latitude).
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

Point = tuple[int, int]
WIDE, HIGH = 3600, 1800  # tenths of a degree


def decode(topology: dict[str, Any]) -> list[list[Point]]:
    """Every arc as points on the map; a point that falls onto the one before is left out."""
    (scale_x, scale_y), (left, low) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points: list[Point] = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            point = round(10 * (180 + left + scale_x * x)), round(10 * (90 - low - scale_y * y))
            if not points or point != points[-1]:
                points.append(point)
        arcs.append(points)
    return arcs


def rings_in(topology: dict[str, Any], name: str) -> Iterator[list[int]]:
    """The rings of an object, as numbers of arcs; one that runs backwards is ~number."""
    for each in topology["objects"][name]["geometries"]:
        for polygon in [each["arcs"]] if each["type"] == "Polygon" else each["arcs"]:
            yield from polygon


def join_ring(arcs: list[list[Point]], ring: list[int]) -> list[Point]:
    """The points of a ring, those where arcs meet once."""
    points: list[Point] = []
    for number in ring:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        points += arc[1:] if points and points[-1] == arc[0] else arc
    return points


def unroll(points: list[Point]) -> list[list[Point]]:
    """A ring that leaves the map at one side and comes back at the other, drawn at both; that of the pole as it is."""
    if any(y == HIGH for _, y in points):
        return [points]
    around, shift = [points[0]], 0
    for (before, _), (x, y) in pairwise(points):
        shift += WIDE * ((before - x > WIDE / 2) - (x - before > WIDE / 2))
        around.append((x + shift, y))
    places = {-WIDE * (x // WIDE) for x, _ in around if x % WIDE}
    return [[(x + place, y) for x, y in around] for place in sorted(places)]


def to_path(points: list[Point], *, closed: bool = False) -> str:
    """A line as SVG says it in the fewest letters: where it begins, then differences."""
    (x, y), *rest = points[:-1] if closed and points[0] == points[-1] else points
    steps, at = [], (x, y)
    for point in rest:
        steps.append(f"{point[0] - at[0]} {point[1] - at[1]}")
        at = point
    return f"M{x} {y}l{' '.join(steps)}{'z' if closed else ''}".replace(" -", "-")


def draw(land: dict[str, Any], countries: dict[str, Any]) -> str:
    """The whole file."""
    coasts, arcs = decode(land), decode(countries)
    rings = [each for ring in rings_in(land, "land") for each in unroll(join_ring(coasts, ring)) if len(each) > 3]
    used = Counter(number if number >= 0 else ~number for ring in rings_in(countries, "countries") for number in ring)
    shared = [arcs[number] for number, times in used.items() if times > 1 and len(arcs[number]) > 1]
    filled, lines = "".join(to_path(ring, closed=True) for ring in rings), "".join(map(to_path, shared))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}">\n'
        "<!-- Natural Earth 1:110m, public domain; see tests/make_world_map.py -->\n"
        f'<path id="land" d="{filled}"/>\n<path id="borders" vector-effect="non-scaling-stroke" d="{lines}"/>\n</svg>\n'
    )


def read_topology(folder: str, name: str) -> dict[str, Any]:
    """One file of the package."""
    return json.loads((Path(folder) / f"{name}-110m.json").read_text())


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(draw(read_topology(sys.argv[1], "land"), read_topology(sys.argv[1], "countries")))
