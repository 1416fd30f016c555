"""What a picture's file itself says: titles, descriptions and keywords of somebody, and the camera. Runs in a worker.

Sources: EXIF 2.32 (ImageDescription, and the XP tags of Windows), IPTC-IIM 4.2 (2:05, 2:25, 2:105, 2:120), XMP part 1
(dc:title, dc:description, dc:subject), PNG 11.3.3 (Title, Description).
"""

import html
import io
import re
from collections.abc import Iterator

from PIL import Image, IptcImagePlugin
from PIL.ImageFile import ImageFile

from deepseek_mm.parse.image_metadata import name_camera

EXIF_TEXTS = (0x010E,)  # ImageDescription
MAKER, MODEL = 0x010F, 0x0110
EXIF_WIDE_TEXTS = (0x9C9B, 0x9C9C, 0x9C9E, 0x9C9F)  # XPTitle, XPComment, XPKeywords, XPSubject; UTF-16
IPTC_TEXTS = ((2, 5), (2, 105), (2, 120), (2, 25))  # object name, headline, caption, keywords
PNG_TEXTS = ("Title", "Description", "Comment")
XMP_BLOCK = re.compile(r"<dc:(title|description|subject)\b[^>]*>(.*?)</dc:\1>", re.DOTALL)
XMP_ITEM = re.compile(r"<rdf:li[^>]*>(.*?)</rdf:li>", re.DOTALL)
BY_MACHINES = re.compile(
    r"digital camera|^\W*(?:samsung|olympus|kodak|screenshot|dcim|binary|ascii|default|untitled|none|n/?a)\W*$"
    r"|\b(?:created|made|edited|generated|processed) (?:with|by|using) |^https?://\S+$|optimi[sz]ed|quality =",
    re.IGNORECASE,
)
MOST_LETTERS = 500
FAULTS = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, RuntimeError)


def descriptions_in(data: bytes) -> tuple[str, ...]:
    """Titles, descriptions and keywords that the bytes of a picture carry, each once; none of a damaged file.

    What cameras and programs write there by themselves is left out.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            texts = [text for read in (exif_texts, iptc_texts, xmp_texts, png_texts) for text in read(image)]
    except FAULTS:  # it is looked at elsewhere, where it is said what is wrong
        return ()
    tidy = (re.sub(r"\s+", " ", html.unescape(text)).strip(" \0") for text in texts)
    kept = [text[:MOST_LETTERS] for text in tidy if re.search(r"[^\W\d_]{2}", text) and not BY_MACHINES.search(text)]
    return tuple(dict.fromkeys(kept))


def camera_in(data: bytes) -> str:
    """Maker and model of the camera that the bytes of a picture name: "Apple iPhone 12"; "" where they name none."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            exif = image.getexif()
            maker, model = (re.sub(r"[\s\0]+", " ", str(exif.get(tag, ""))).strip() for tag in (MAKER, MODEL))
    except FAULTS:  # as above
        return ""
    return name_camera(maker, model)[:MOST_LETTERS]


def exif_texts(image: Image.Image) -> Iterator[str]:
    """Of EXIF's first directory."""
    exif = image.getexif()
    for tag in (*EXIF_TEXTS, *EXIF_WIDE_TEXTS):
        value = exif.get(tag)
        if isinstance(value, tuple):
            value = bytes(value)
        if isinstance(value, bytes):
            value = value.decode("utf-16-le" if tag in EXIF_WIDE_TEXTS else "utf-8", "ignore")
        if isinstance(value, str):
            yield value


def iptc_texts(image: ImageFile) -> Iterator[str]:
    """Of the press's own fields; the words of one field together."""
    told = IptcImagePlugin.getiptcinfo(image) or {}
    for field in IPTC_TEXTS:
        values = told.get(field, b"")
        yield ", ".join(v.decode("utf-8", "ignore") for v in (values if isinstance(values, list) else [values]))


def xmp_texts(image: Image.Image) -> Iterator[str]:
    """Of Dublin Core in XMP; the words of one field together."""
    told = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or ""
    text = told.decode("utf-8", "ignore") if isinstance(told, bytes) else str(told)
    for _, block in XMP_BLOCK.findall(text):
        yield ", ".join(item.strip() for item in XMP_ITEM.findall(block))


def png_texts(image: Image.Image) -> Iterator[str]:
    """Of PNG's text chunks."""
    yield from (str(image.info[key]) for key in PNG_TEXTS if key in image.info)
