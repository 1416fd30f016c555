"""The words in the names of files and folders: "IMG_1234-red-kite.jpg" says "red kite".

Cameras, phones and programs name files by numbers, dates and random letters; these words say nothing of a picture and
are left out. What remains was written by somebody.
"""

import re
from pathlib import PurePath


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


MACHINE_WORDS = _set(  # of cameras, phones, messengers and programs
    """img imag image images dsc dscn dscf dcim pxl coco mvimg mvi vid mov gopr pano burst hdr cimg sam kif imgp sdc
    photo photos picture pictures pic pics snapshot copy edited edit final whatsapp signal telegram wa fb fbimg
    received download downloads downloaded unnamed untitled resized thumb thumbnail scan file files export upload
    uploads data dataset examples example test tests train dev val sample samples tmp temp documents media jpg jpeg png
    gif webp heic heif tif tiff bmp raw video videos clip clips movie movies mp4 mov m4v webm mkv avi dji ts"""
)
RANDOM = re.compile(r"(?=[0-9a-z]*[0-9])(?=[0-9a-z]*[a-z])[0-9a-z]{4,}")  # letters and digits in one piece: 3fae01b2
NUMBERED = re.compile(r"[A-Za-z]{3,}\d{1,4}")  # "beach2"
TOKEN = re.compile(r"[^\W_]+")
PIECE = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")  # of a token in ASCII: by case; digits go
LETTERS = re.compile(r"[^\W\d_]+")
VOWELS = frozenset("aeiouy")
LONGEST_WITHOUT_VOWEL = 3


def words_of_name(name: str) -> str:
    """The words of a file's name without its ending, in lower case; "" where a camera or a program gave it."""
    stem = PurePath(name).stem if PurePath(name).suffix else name
    return " ".join(word for token in TOKEN.findall(stem) for word in words_of_token(token))


def words_of_folder(path: str) -> str:
    """The words of the folder that a file lies in."""
    return words_of_name(PurePath(path).parent.name)


def words_of_token(token: str) -> list[str]:
    """The words of a piece without separators: "RedKite2" -> red, kite; none of a piece that only looks random."""
    if not token.isascii():
        return [piece.lower() for piece in LETTERS.findall(token)]
    camel = re.search(r"[a-z][A-Z]", token) is not None
    if token.lower() in MACHINE_WORDS or (
        not camel and RANDOM.fullmatch(token.lower()) and not NUMBERED.fullmatch(token)
    ):
        return []
    return [piece.lower() for piece in PIECE.findall(token) if is_word(piece.lower())]


def is_word(piece: str) -> bool:
    """Does it say something? A single letter of the Latin alphabet and letters without a vowel do not."""
    if not piece.isascii():
        return True
    if len(piece) < 2 or piece in MACHINE_WORDS:
        return False
    return len(piece) <= LONGEST_WITHOUT_VOWEL or not VOWELS.isdisjoint(piece)
