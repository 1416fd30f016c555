"""What XMP says of a photo: titles, words, stars, people with their places in it, when and where. Runs in a worker.

XMP is RDF written as XML (ISO 16684-1): the properties of a `rdf:Description` are attributes or elements, several
values stand in a `rdf:Bag`, `rdf:Seq` or `rdf:Alt`. The schemas are Dublin Core, XMP and Exif (XMP part 1 and 2, Exif
2.32 in XMP), the Metadata Working Group's regions (MWG 2.0, section 5.9: centres and sizes as shares of the photo as
it is stored), Microsoft's people tags (a corner and sizes), IPTC's extension (PersonInImage), and the keywords with
levels of Lightroom and digiKam. A packet that defines entities is not read, and nothing is fetched.
"""

import math
import re
from collections.abc import Iterator

from lxml import etree

from deepseek_mm.dates import parse_moment
from deepseek_mm.parse.image_metadata import TURNS
from index.region import StatedBox, StatedFacts

MOST_BYTES = 4_000_000  # of one packet; programs that keep their brushes there write some hundred thousand
MOST_WORDS = 200  # keywords, people or albums of one photo
MOST_LETTERS = 100  # of one of them
MOST_DESCRIPTION = 2_000  # letters
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
DC = "{http://purl.org/dc/elements/1.1/}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
EXIF = "{http://ns.adobe.com/exif/1.0/}"
PHOTOSHOP = "{http://ns.adobe.com/photoshop/1.0/}"
LIGHTROOM = "{http://ns.adobe.com/lightroom/1.0/}"
DIGIKAM = "{http://www.digikam.org/ns/1.0/}"
PERSONS = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}PersonInImage"
MICROSOFT = "{http://ns.microsoft.com/photo/1.0/}"
MP_REGION = "{http://ns.microsoft.com/photo/1.2/t/Region#}"
MWG = "{http://www.metadataworkinggroup.com/schemas/regions/}"
AREA = "{http://ns.adobe.com/xmp/sType/Area#}"
DATES = (f"{EXIF}DateTimeOriginal", f"{PHOTOSHOP}DateCreated", f"{XMP}CreateDate")  # the first that is one counts
MICROSOFT_STARS = {1: 1, 25: 2, 50: 3, 75: 4, 99: 5}  # per cent -> stars
ALBUMS, PEOPLE = "albums", "people"  # first levels of keywords that say what the second is
FAVOURITE = ("deepseek-mm", "favourite")  # the keyword of a favourite, as this program writes it
DEGREES = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?\s*([NSEW])", re.IGNORECASE)


def read_xmp(data: bytes, turn: int = 1) -> StatedFacts:
    """What the bytes of a packet or a sidecar say; nothing of what is too long, damaged or made to do harm.

    `turn` is how the photo must be turned to be upright, as EXIF numbers it: boxes come upright.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False, remove_pis=True
    )
    if len(data) > MOST_BYTES:
        return StatedFacts()
    try:
        root = etree.fromstring(data.strip(b"\0 \r\n\t"), parser)
    except (etree.LxmlError, ValueError):
        return StatedFacts()
    if root is None or root.getroottree().docinfo.internalDTD is not None:
        return StatedFacts()
    return XmpPacket(root).state_facts(turn)


class XmpPacket:
    """The properties of one packet."""

    def __init__(self, root: "etree._Element") -> None:
        self._heads = [each for each in root.iter(f"{RDF}Description") if is_head(each)]

    def state_facts(self, turn: int) -> StatedFacts:
        """All that is known of the photo."""
        levels = self._read_levels()
        boxes = [box for box in (*self._mwg_boxes(), *self._microsoft_boxes()) if is_inside(box)]
        latitude, longitude = (self._read_degrees(name, most) for name, most in (("Latitude", 90), ("Longitude", 180)))
        people = [each[-1] for each in levels if len(each) > 1 and each[0].lower() == PEOPLE]
        return StatedFacts(
            title=self._text(f"{DC}title", MOST_DESCRIPTION),
            description=self._text(f"{DC}description", MOST_DESCRIPTION),
            keywords=distinct(self._keywords(levels)),
            people=distinct([*self._values(PERSONS), *people]),
            boxes=tuple(turn_box(box, turn) for box in dict.fromkeys(boxes[:MOST_WORDS])),
            albums=distinct(" / ".join(each[1:]) for each in levels if len(each) > 1 and each[0].lower() == ALBUMS),
            taken_at=next((at for name in DATES for at in map(parse_moment, self._values(name)) if at), None),
            latitude=None if longitude is None else latitude,
            longitude=None if latitude is None else longitude,
            stars=self._read_stars(),
            is_favourite=any(tuple(map(str.lower, each)) == FAVOURITE for each in levels),
        )

    def _keywords(self, levels: list[list[str]]) -> list[str]:
        """Words of which no level says that they are something else."""
        named = {word.lower() for each in levels if is_special(each) for word in each}
        plain = [word for word in self._values(f"{DC}subject") if word.lower() not in named]
        return [*plain, *(each[-1] for each in levels if not is_special(each))]

    def _read_levels(self) -> list[list[str]]:
        """Keywords with their levels, the widest first."""
        told = [(text, "|") for text in self._values(f"{LIGHTROOM}hierarchicalSubject")]
        told += [(text, "/") for text in self._values(f"{DIGIKAM}TagsList")]
        rows = [[tidy(part) for part in text.split(mark) if tidy(part)] for text, mark in told]
        return [row for row in rows[: 2 * MOST_WORDS] if row]

    def _read_stars(self) -> int:
        rating = next(map(parse_number, self._values(f"{XMP}Rating")), None)
        if rating is not None:
            return int(rating) if 0 <= rating <= 5 else 0  # -1 is what was sorted out
        share = next(map(parse_number, self._values(f"{MICROSOFT}Rating")), None)
        return MICROSOFT_STARS.get(int(share), 0) if share is not None else 0

    def _read_degrees(self, name: str, most: int) -> float | None:
        return next((parse_degrees(text, most) for text in self._values(f"{EXIF}GPS{name}")), None)

    def _text(self, name: str, most: int) -> str:
        return next((tidy(text, most) for text in self._values(name) if tidy(text, most)), "")

    def _values(self, name: str) -> list[str]:
        """All values of a property, in order; of translations the default first."""
        found = []
        for head in self._heads:
            if name in head.attrib:
                found.append(str(head.attrib[name]))
            for each in head.findall(name):
                items = sorted(each.iter(f"{RDF}li"), key=is_translation)
                found += [text_of(item) for item in items] if items else [text_of(each)]
        return found

    def _mwg_boxes(self) -> Iterator[StatedBox]:
        for item in self._items(f"{MWG}RegionList"):
            name, area = tidy(property_of(item, f"{MWG}Name")), find(item, f"{MWG}Area")
            numbers = [] if area is None else [parse_number(property_of(area, AREA + each)) for each in "xywh"]
            if name and numbers and None not in numbers:
                x, y, w, h = (number or 0.0 for number in numbers)
                yield StatedBox(name, x - w / 2, y - h / 2, x + w / 2, y + h / 2)

    def _microsoft_boxes(self) -> Iterator[StatedBox]:
        for item in self._items("{http://ns.microsoft.com/photo/1.2/t/RegionInfo#}Regions"):
            name = tidy(property_of(item, f"{MP_REGION}PersonDisplayName"))
            numbers = [parse_number(part) for part in property_of(item, f"{MP_REGION}Rectangle").split(",")]
            if name and len(numbers) == 4 and None not in numbers:
                x, y, w, h = (number or 0.0 for number in numbers)
                yield StatedBox(name, x, y, x + w, y + h)

    def _items(self, name: str) -> Iterator["etree._Element"]:
        """The members of a list that lies somewhere in the packet."""
        for head in self._heads:
            for each in head.iter(name):
                yield from each.iter(f"{RDF}li")


def is_head(element: "etree._Element") -> bool:
    """Whether it describes the photo, and no value of one of its properties."""
    above = element.getparent()
    return above is None or above.tag == f"{RDF}RDF"


def is_translation(item: "etree._Element") -> bool:
    """Whether a text is one of several languages and not the default."""
    return bool(item.get("{http://www.w3.org/XML/1998/namespace}lang", "x-default") != "x-default")


def is_special(levels: list[str]) -> bool:
    """Whether a keyword names somebody, an album, or a favourite."""
    return len(levels) > 1 and levels[0].lower() in (ALBUMS, PEOPLE, FAVOURITE[0])


def find(element: "etree._Element", name: str) -> "etree._Element | None":
    """A property that has properties itself: directly below, or below a description."""
    found = element.find(name)
    return element.find(f"{RDF}Description/{name}") if found is None else found


def property_of(element: "etree._Element", name: str) -> str:
    """The value of a simple property; "" if there is none."""
    for each in (element, *element.findall(f"{RDF}Description")):
        if name in each.attrib:
            return str(each.attrib[name])
        if (below := each.find(name)) is not None:
            return text_of(below)
    return ""


def text_of(element: "etree._Element") -> str:
    """What stands in it."""
    return str(element.text or "")


def tidy(text: str, most: int = MOST_LETTERS) -> str:
    """One line of letters."""
    return re.sub(r"[\s\x00-\x1f]+", " ", text).strip()[:most]


def distinct(texts: Iterator[str] | list[str]) -> tuple[str, ...]:
    """Each once, those with something in them."""
    return tuple(dict.fromkeys(filter(None, map(tidy, texts))))[:MOST_WORDS]


def parse_number(text: str) -> float | None:
    """A finite number, or None; as a fraction, too: "1/3"."""
    top, _, bottom = text.partition("/")
    try:
        number = float(top) / float(bottom or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


def parse_degrees(text: str, most: int) -> float | None:
    """ "43,43.383N" or "43,43,23N" as degrees, north and east positive; None for anything else."""
    found = DEGREES.fullmatch(text.strip())
    if found is None:
        return None
    size = int(found[1]) + float(found[2]) / 60 + float(found[3] or 0) / 3600
    if size > most:
        return None
    return -size if found[4].upper() in "SW" else size


def is_inside(box: StatedBox) -> bool:
    """Whether a box lies in the photo, and is one."""
    _, left, top, right, bottom = box
    return -0.01 <= left < right <= 1.01 and -0.01 <= top < bottom <= 1.01


def turn_box(box: StatedBox, turn: int) -> StatedBox:
    """A box of the stored picture as it lies in the upright one."""
    name, *edges = box
    left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in edges)
    corners = [TURNS[turn](x, y) if turn in TURNS else (x, y) for x, y in ((left, top), (right, bottom))]
    (x0, x1), (y0, y1) = (sorted(axis) for axis in zip(*corners, strict=True))
    return StatedBox(name, *(round(edge, 6) for edge in (x0, y0, x1, y1)))
