"""The panel beside a photo: what is known of it, where it was taken, what is written there, its boxes, its description.

Values and HTML only, no Gradio. What a file says of itself is escaped where it becomes HTML.

Two small maps say where a photo was taken: the world, and what lies around the place. Both are windows on one drawing,
styles/world.svg, which the browser fetches once and from this server (made by tests/make_world_map.py). It is an
equirectangular projection in tenths of a degree: x grows to the east, y to the south. Near a place a degree of
longitude is shorter than one of latitude by the cosine of the latitude, so the closer window is that much wider.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

from deepseek_mm import Exposure, PhotoDescription, PhotoFacts
from index import LIBRARY, Region, Source
from index.region import MOST_STARS, UPLOADS, PhotoStatement, Rating, as_clock
from index.statements import INSIDE, PROGRAM_NAMES, SIDECAR
from ui.html import button, terms
from ui.library.library_report import in_bytes
from ui.photos.photo_groups import render_companions
from ui.pictures import ink
from ui.region_html import EvidenceItem, Mark, box, find_file_time, sure
from ui.words import UiTexts, count_noun

SECOND = "%Y-%m-%d %H:%M:%S"
MINUTE = "%Y-%m-%d %H:%M"
PLAIN_S = 0.3  # a shutter that is open for longer is told in seconds, and not as a part of one
MOST_PARTS = 40  # boxes that nothing cites
MOST_LINES = 60  # of what is written in a photo


def render_info(each: EvidenceItem, facts: PhotoFacts, words: UiTexts) -> str:
    """The facts, with the maps and what is written there."""
    source = each.citation.region.source
    colours = words.join(map(words.name, each.citation.region.colours))
    shown = [(words.info_colours, colours)] if colours else []
    rows = terms([*list_facts(source, facts, words), *shown])
    maps = ""
    if source.latitude is not None and source.longitude is not None:
        maps = render_maps(source.latitude, source.longitude, words)
    note = f'<p class="hint">{escape(source.note)}</p>' if source.note else ""
    twins = "".join(f"<li>{escape(twin.source.path)}</li>" for twin in each.twins)
    alike = f'<p class="hint">{escape(words.alike)}:</p><ul class="alike">{twins}</ul>' if twins else ""
    group = render_companions(source, facts.companions, words)
    return f"{group}{rows}{maps}{note}{alike}{_render_lines(facts.lines, words)}"


def list_facts(source: Source, facts: PhotoFacts, words: UiTexts) -> Iterator[tuple[str, str]]:
    """What is known of a file, each with its name; a photo without a date has none, whatever its file's time is."""
    if source.kind == "photo":
        yield words.info_taken, f"{source.taken_at:{SECOND}}" if source.taken_at else words.no_date
        yield from _list_exposure(facts.exposure, words)
    yield from filter(all, [(words.info_size, describe_size(source, words))])
    if source.is_video:
        yield words.info_length, as_clock(source.duration_ms)
    if source.latitude is not None and source.longitude is not None:
        place = words.join(map(words.name, facts.place.split(", "))) if facts.place else ""
        yield words.info_place, "\n".join(filter(None, (place, describe_place(source, words))))
    if source.collection not in (LIBRARY, UPLOADS):
        yield words.info_collection, source.collection
    yield from filter(all, [(words.photos_albums, words.join(facts.albums))])
    yield from filter(all, [(words.photos_people, words.join(facts.people))])
    yield from list_stated(facts.stated, words)
    yield words.info_file, source.name
    if source.collection != UPLOADS:  # those lie in a folder of the program's own
        yield words.info_lies, "\n".join(facts.paths or (source.path,))
    if facts.away:
        yield words.info_offline, words.info_away.format(folder=facts.away)
    if changed := find_file_time(source):
        yield words.info_changed, f"{changed:{MINUTE}}"


def list_stated(stated: Sequence[PhotoStatement], words: UiTexts) -> Iterator[tuple[str, str]]:
    """What the file itself, its sidecar and other programs say of a photo, each with who says it."""
    for each in stated:
        facts = each.facts
        lists = (words.join(facts.keywords), words.join(facts.names))
        text = "\n".join(filter(None, (facts.title, facts.description, *lists)))
        if text:
            own = {INSIDE: words.info_said_inside, SIDECAR: words.info_said_beside}
            program = PROGRAM_NAMES.get(each.origin, each.origin)
            yield own.get(each.origin, words.info_said_program.format(program=program)), text


def _list_exposure(exposure: Exposure, words: UiTexts) -> Iterator[tuple[str, str]]:
    names = (words.info_camera, words.info_lens, words.info_exposure)
    said = (exposure.camera, exposure.lens, describe_exposure(exposure, words))
    yield from ((name, text) for name, text in zip(names, said, strict=True) if text)


def describe_exposure(exposure: Exposure, words: UiTexts) -> str:
    """Shutter, aperture, sensitivity and focal length: "1/250 s · f/2.8 · ISO 400 · 35 mm"."""
    shutter = words.shutter.format(time=describe_shutter(exposure.seconds)) if exposure.seconds else ""
    aperture = f"f/{exposure.f_number:.3g}" if exposure.f_number else ""
    iso = f"ISO {exposure.iso:.0f}" if exposure.iso else ""
    focal = ""
    if exposure.focal_mm:
        film = exposure.focal_35_mm
        form = words.focal_film if film and round(film) != round(exposure.focal_mm) else words.focal
        focal = form.format(length=f"{exposure.focal_mm:.3g}", film=f"{film or 0:.0f}")
    return " · ".join(filter(None, (shutter, aperture, iso, focal)))


def describe_shutter(seconds: float) -> str:
    """As cameras write it: "1/250", "0.5", "30"."""
    return f"1/{1 / seconds:.0f}" if seconds < PLAIN_S else f"{seconds:.3g}"


def describe_size(source: Source, words: UiTexts) -> str:
    """In pixels and in bytes, as far as they are known."""
    drawn = source.width_px and source.height_px
    pixels = words.pixels.format(width=source.width_px, height=source.height_px) if drawn else ""
    size = in_bytes(source.size_bytes) if source.size_bytes else ""
    return ", ".join(filter(None, (pixels, size)))


def describe_place(source: Source, words: UiTexts) -> str:
    """The coordinates in degrees; four places are eleven metres."""
    latitude, longitude = source.latitude or 0.0, source.longitude or 0.0
    north = (words.north if latitude >= 0 else words.south).format(degrees=f"{abs(latitude):.4f}")
    east = (words.east if longitude >= 0 else words.west).format(degrees=f"{abs(longitude):.4f}")
    return words.join((north, east))


def _render_lines(lines: Sequence[str], words: UiTexts) -> str:
    if not lines:
        return ""
    text = "\n".join(lines[:MOST_LINES]) + ("\n..." if len(lines) > MOST_LINES else "")
    name = escape(words.words_found)
    return f'<h3>{name}</h3><pre class="passage" dir="auto" tabindex="0" aria-label="{name}">{escape(text)}</pre>'


def list_marks(
    region: Region, cited: Sequence[Mark], facts: PhotoFacts, size: tuple[int, int], words: UiTexts
) -> list[Mark]:
    """Boxes that can be shown: those that are cited, and after them what else was found there, hidden at first."""
    known = {mark.box_px for mark in cited}
    here = [part for part in facts.parts if part.view == region.view] if not region.page else []
    parts = [part for part in here if part.box_px not in known]
    more = [
        Mark(number=n, box_px=part.box_px, strong=False, name=words.name(part.label), shown=False)
        for n, part in enumerate(parts[:MOST_PARTS], start=len(cited) + 1)
    ]
    drawn = [mark for mark in (*cited, *more) if box(mark, size)]
    return [replace(mark, switch=switch) for switch, mark in enumerate(drawn)]


def render_switches(marks: Sequence[Mark], regions: Sequence[Region], words: UiTexts) -> str:
    """A box to tick for each mark, and one for all of them."""
    if not marks:
        return ""
    named = {region.box_px: region for region in reversed(regions)}
    rows = "".join(_render_switch(mark, named.get(mark.box_px), words) for mark in marks)
    every = f'<label><input type="checkbox" data-boxes> {escape(words.boxes_all)}</label>' if len(marks) > 1 else ""
    return f'<fieldset class="boxes"><legend>{escape(words.boxes)}</legend>{every}<ul>{rows}</ul></fieldset>'


def _render_switch(mark: Mark, region: Region | None, words: UiTexts) -> str:
    name = sure(region.labels[0], words) if region is not None and region.labels else mark.name
    number = "" if mark.name else f"[{mark.number}] "
    return (
        f'<li><label><input type="checkbox" data-box="{mark.switch}"{" checked" if mark.shown else ""}> '
        f'<i style="--ink:{ink(mark.number)}" aria-hidden="true"></i>{escape(number + name)}</label></li>'
    )


def render_rating(source: Source, rating: Rating, words: UiTexts) -> str:
    """A heart and five stars for a photo of the library; the star that is set, pressed again, takes them away."""
    if source.kind != "photo" or not source.id or source.collection == UPLOADS:
        return ""
    name = words.photos_favourite_off if rating.is_favourite else words.photos_favourite
    sign = "\u2665" if rating.is_favourite else "\u2661"
    heart = button("favourite", int(not rating.is_favourite), sign, pressed=rating.is_favourite, label=name)
    stars = "".join(
        button(
            "stars", 0 if n == rating.stars else n, "\u2605" if n <= rating.stars else "\u2606",
            pressed=n == rating.stars, label=count_noun(words.photos_star, n),
        )
        for n in range(1, MOST_STARS + 1)
    )  # fmt: skip
    return f'<div class="rating" role="group" aria-label="{escape(words.photos_rating)}">{heart}{stars}</div>'


def render_description(source: Source, said: PhotoDescription, words: UiTexts) -> str:
    """The sentence that describes a photo of the library, to be read and to be changed; whose it is stands below."""
    if source.kind != "photo" or not source.id or source.collection == UPLOADS:
        return ""
    is_own = bool(said.text) and not said.machine_made
    whose = words.description_own if is_own else words.description_machine if said.text else words.description_none
    undo = button("undescribe", "", words.description_undo) if is_own else ""
    return (
        f'<div class="described"><label>{escape(words.description)}<textarea rows="2" maxlength="500">'
        f"\n{escape(said.text)}</textarea></label>"
        f'<p class="hint">{escape(whose)}</p><div class="acts">'
        f"{button('describe', '', words.description_save)}{undo}</div></div>"
    )


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
