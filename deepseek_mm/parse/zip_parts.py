"""A document that is a zip archive inside: its parts are unpacked in memory, within limits, and read as XML.

Word, PowerPoint, OpenDocument and EPUB files are such archives. Entities are not written out, nothing is fetched, and a
part grows no further than its entry says (ECMA-376 part 2; OpenDocument 1.3 part 2; EPUB OCF 3.3).
"""

import io
import posixpath
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

from lxml import etree
from lxml.etree import LxmlError

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.archive import METHODS, MOST_GROWTH, SMALL_BYTES
from deepseek_mm.parse.formats import File
from deepseek_mm.parse.workers.wire import DAMAGE

TROUBLE = (*DAMAGE, LxmlError, SyntaxError, LookupError, AttributeError, TypeError)
UNRUN = "It brings macros along: they were not read, and are never run."
RELATED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
SAVED_BY = {
    "docx": "in Word",
    "pptx": "in PowerPoint",
    "xlsx": "in Excel",
    "odt": "in LibreOffice",
    "epub": "in the program that made it",
}


@dataclass(frozen=True, slots=True)
class ZipParts:
    """The parts of one document."""

    archive: zipfile.ZipFile
    names: frozenset[str]

    def read(self, name: str) -> bytes:
        """A part's bytes. KeyError if there is none of this name."""
        info = self.archive.getinfo(name)
        if info.compress_type not in METHODS:
            raise zipfile.BadZipFile(f"{name} is packed by method {info.compress_type}")
        return self.archive.read(info)

    def read_xml(self, name: str, *, mends: bool = False) -> "etree._Element":
        """A part's outermost element; with `mends` also of XML that is not well formed. KeyError or LxmlError."""
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=mends, remove_pis=True
        )
        root = etree.fromstring(self.read(name), parser)
        if root is None:
            raise zipfile.BadZipFile(f"{name} holds no XML")
        return root

    def read_plain_xml(self, name: str) -> "etree._Element":
        """The same of a part that defines no words of its own, as no program that writes documents does."""
        root = self.read_xml(name)
        if root.getroottree().docinfo.internalDTD is not None:
            raise zipfile.BadZipFile(f"{name} defines words by other words")
        return root


@contextmanager
def open_parts(file: File, config: ParseConfig) -> Iterator[ZipParts]:
    """The parts of the file. BadFile for what is none of its kind, is damaged, or unpacks to more than it should."""
    try:
        check_growth(file, config)
        with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
            yield ZipParts(archive, frozenset(archive.namelist()))
    except BadFile:
        raise
    except TROUBLE as error:
        title = file.format.title
        raise BadFile(f"{file.path} is no {title}, or it is damaged: {error}. Save it again {saver(file)}") from error


def check_growth(file: File, config: ParseConfig) -> None:
    """Refuse a document that would unpack to more than it should."""
    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
    if unpacked > max(SMALL_BYTES, MOST_GROWTH * file.size_bytes):
        raise BadFile(
            f"{file.path} would unpack to {unpacked:,} bytes, as only a bomb does. Save it again {saver(file)}"
        )
    if unpacked > config.max_bytes:
        raise BadFile(
            f"{file.path} would unpack to {unpacked:,} bytes, and parse.max_bytes allows {config.max_bytes:,}. "
            "Save it without its pictures, or raise parse.max_bytes"
        )


def saver(file: File) -> str:
    """What the file is saved again with: "in Word"."""
    return SAVED_BY.get(file.format.name, "in the program that made it")


def list_parts(parts: ZipParts, part: str, element: str) -> list[tuple[str, str]]:
    """Name and part of whatever a part lists by elements of this name, in order: slides, sheets."""
    links = read_links(parts, part)
    listed = (each for each in parts.read_xml(part).iter() if local_name(each) == element)
    return [(each.get("name", ""), links[each.get(RELATED, "")][1]) for each in listed]


def read_links(parts: ZipParts, part: str) -> dict[str, tuple[str, str]]:
    """id -> (the last word of its kind, the part it leads to) of what a part is related to inside the document; of the
    document itself where no part is named.
    """
    folder, _, name = part.rpartition("/")
    listed = f"{folder}/_rels/{name}.rels".lstrip("/")
    if listed not in parts.names:
        return {}
    links = [each for each in parts.read_xml(listed) if each.get("TargetMode") != "External"]
    return {
        each.get("Id", ""): (each.get("Type", "").rpartition("/")[2], join_name(part, each.get("Target", "")))
        for each in links
    }


def join_name(part: str, target: str) -> str:
    """The name of the part that another one links to: "OEBPS/text/a%20b.xhtml#c" in "OEBPS/x.opf"."""
    plain = unquote(target.partition("#")[0])
    if plain.startswith("/"):
        return posixpath.normpath(plain.lstrip("/"))
    return posixpath.normpath(posixpath.join(posixpath.dirname(part), plain))


def local_name(element: "etree._Element") -> str:
    """An element's name without its namespace; "" for a comment or an entity."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
