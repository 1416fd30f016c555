"""Somebody's own words as XMP, in a new packet or in one of another program, of which all else stays. Runs in a worker.

A description becomes dc:description, stars xmp:Rating, names Iptc4xmpExt:PersonInImage. Albums, names and favourites
are keywords with levels, as Lightroom (lr:hierarchicalSubject, "Albums|Trip") and digiKam (digiKam:TagsList,
"Albums/Trip") keep them: that is what the programs that read sidecars have in common. What nobody said is not written,
and what another program has written there is not taken away; of albums and favourites those of now are kept alone.
"""

from lxml import etree

from deepseek_mm.errors import BadFile
from deepseek_mm.parse.xmp.packet import (
    ALBUMS,
    DC,
    DIGIKAM,
    FAVOURITE,
    LIGHTROOM,
    MOST_BYTES,
    PERSONS,
    RDF,
    XMP,
    is_head,
    text_of,
)
from index.region import StatedFacts

EMPTY = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""/></rdf:RDF>'
    b'</x:xmpmeta><?xpacket end="w"?>'
)
LANGUAGE, DEFAULT = "{http://www.w3.org/XML/1998/namespace}lang", "x-default"
PREFIXES = {DC: "dc", XMP: "xmp", LIGHTROOM: "lr", DIGIKAM: "digiKam", PERSONS.partition("}")[0] + "}": "Iptc4xmpExt"}
OWN = (ALBUMS, FAVOURITE[0])  # first levels of keywords that are written anew each time
WRITTEN = ("Albums", "People", "DeepSeek-MM", "Favourite")  # levels as they are written
for _space, _prefix in PREFIXES.items():
    etree.register_namespace(_prefix, _space.strip("{}"))


def edit_packet(data: bytes, facts: StatedFacts, *, name: str) -> str:
    """The packet with these facts in it, of no bytes a new one; "" where they stand in it already.

    BadFile if it is no XMP, and so not to be changed.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data or EMPTY, parser) if len(data) <= MOST_BYTES else None
    except (etree.LxmlError, ValueError) as error:
        raise BadFile(unreadable(name, str(error))) from error
    heads = [] if root is None else [each for each in root.iter(f"{RDF}Description") if is_head(each)]
    if root is None or not heads or root.getroottree().docinfo.internalDTD is not None:
        raise BadFile(unreadable(name, "it describes nothing"))
    before = etree.tostring(root, method="c14n")
    EditedPacket(heads).write(facts)
    if data and etree.tostring(root, method="c14n") == before:
        return ""
    declared = data.lstrip().startswith(b"<?xml ")
    written: bytes = etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=declared)
    return written.decode()


def unreadable(name: str, reason: str) -> str:
    """Why a sidecar is left as it is."""
    return f"{name} is no XMP that can be read: {reason}. Move it away, and a new one is written"


class EditedPacket:
    """The descriptions of one packet, the first of which gets what is new."""

    def __init__(self, heads: list["etree._Element"]) -> None:
        self._heads = heads

    def write(self, facts: StatedFacts) -> None:
        """Write what is said; properties of which nothing is said stay."""
        if facts.description:
            self._set_default(f"{DC}description", facts.description)
        if facts.stars:
            self._take(f"{XMP}Rating")
            self._heads[0].set(f"{XMP}Rating", str(facts.stars))
        if facts.people:
            self._set_bag(PERSONS, [*self._list(PERSONS), *facts.people])
        levels = [(WRITTEN[0], plain(album)) for album in facts.albums]
        levels += [(WRITTEN[1], plain(person)) for person in facts.people]
        levels += [(WRITTEN[2], WRITTEN[3])] if facts.is_favourite else []
        self._set_levels(f"{LIGHTROOM}hierarchicalSubject", "|", levels)
        self._set_levels(f"{DIGIKAM}TagsList", "/", [each for each in levels if "/" not in each[1]])

    def _set_levels(self, name: str, mark: str, levels: list[tuple[str, str]]) -> None:
        """Keywords with levels: ours in the place of ours, all others as they are."""
        before = self._list(name)
        others = [text for text in before if text.partition(mark)[0].strip().lower() not in OWN]
        self._set_bag(name, [*others, *(mark.join(each) for each in levels)])

    def _list(self, name: str) -> list[str]:
        found = [str(head.attrib[name]) for head in self._heads if name in head.attrib]
        items = [item for head in self._heads for each in head.findall(name) for item in each.iter(f"{RDF}li")]
        return [*found, *map(text_of, items)]

    def _set_bag(self, name: str, values: list[str]) -> None:
        wanted = list(dict.fromkeys(values))
        if sorted(wanted) == sorted(self._list(name)):
            return
        self._take(name)
        if wanted:
            bag = etree.SubElement(etree.SubElement(self._heads[0], name), f"{RDF}Bag")
            for value in wanted:
                etree.SubElement(bag, f"{RDF}li").text = value

    def _set_default(self, name: str, text: str) -> None:
        """A text in its default language; translations stay."""
        found = [each for head in self._heads for each in head.findall(f"{name}/{RDF}Alt")]
        for above, item in [(alt, item) for alt in found for item in alt.findall(f"{RDF}li")]:
            if item.get(LANGUAGE, DEFAULT) == DEFAULT:
                above.remove(item)
        kept = found[0] if found else None
        if kept is None:
            self._take(name)
            kept = etree.SubElement(etree.SubElement(self._heads[0], name), f"{RDF}Alt")
        item = etree.Element(f"{RDF}li")
        item.set(LANGUAGE, DEFAULT)
        item.text = text
        kept.insert(0, item)

    def _take(self, name: str) -> None:
        for head in self._heads:
            head.attrib.pop(name, None)
            for each in head.findall(name):
                head.remove(each)


def plain(name: str) -> str:
    """A name that can be a level: without the sign between levels, and what XML cannot hold."""
    return "".join(letter for letter in name.replace("|", "/") if letter >= " ")
