"""Exports of other programs for photos, as small as can be: every photo has a few pixels and bytes of its own."""

import io
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

ITALY = {"latitude": 43.723, "longitude": 10.3966}  # Pisa
NOWHERE = {"latitude": 0.0, "longitude": 0.0}


def small_photo(n: int, *, exif: str = "") -> bytes:
    """A JPEG of 8 x 8 pixels; photo n is the only one with its bytes. `exif` is when its camera took it."""
    image = Image.new("RGB", (8, 8), (n % 256, n // 256 % 256, 90))
    notes = image.getexif()
    if exif:
        notes[0x0132] = exif
    with io.BytesIO() as data:
        image.save(data, "JPEG", comment=f"photo {n}".encode(), exif=notes)
        return data.getvalue()


def said_by_google(seconds: int, *, where=None, **more) -> dict:
    """What a JSON file beside a photo says."""
    stamp = {"timestamp": str(seconds), "formatted": "whatever"}
    return {"title": "x", "photoTakenTime": stamp, "geoData": where or NOWHERE, "geoDataExif": NOWHERE, **more}


def write_all(folder: Path, files: dict[str, bytes | dict | str]) -> Path:
    """Files by their paths below a folder; an object is written as JSON."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content) if isinstance(content, dict) else content
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def made_takeout(count: int, *, day_s: int = 86_400) -> Iterator[tuple[str, bytes | dict]]:
    """A Takeout of so many photos: each in the folder of its year with a day of its own, every second with a place,
    every fifth a favourite, every fourth as a copy in one of ten albums.
    """
    for n in range(count):
        seconds, name = 1_500_000_000 + n * day_s, f"IMG_{n:05}.jpg"
        where = {"latitude": 40 + n / 1000, "longitude": 10.0} if n % 2 == 0 else None
        said = said_by_google(seconds, where=where, **({"favorited": True} if n % 5 == 0 else {}))
        folders = [f"Photos from {2017 + n * day_s // (365 * 86_400)}"]
        folders += [f"Album {n // 4 % 10}"] if n % 4 == 0 else []
        for folder in folders:
            yield f"Takeout/Google Photos/{folder}/{name}", small_photo(n)
            yield f"Takeout/Google Photos/{folder}/{name}.supplemental-metadata.json", said
    for album in range(10):
        yield f"Takeout/Google Photos/Album {album}/metadata.json", {"title": f"Album {album}", "access": "private"}


DIGIKAM = """
CREATE TABLE AlbumRoots (id INTEGER PRIMARY KEY, label TEXT, status INTEGER, type INTEGER, identifier TEXT,
    specificPath TEXT);
CREATE TABLE Albums (id INTEGER PRIMARY KEY, albumRoot INTEGER, relativePath TEXT, date DATE, caption TEXT,
    collection TEXT, icon INTEGER);
CREATE TABLE Images (id INTEGER PRIMARY KEY, album INTEGER, name TEXT, status INTEGER, category INTEGER,
    modificationDate DATETIME, fileSize INTEGER, uniqueHash TEXT);
CREATE TABLE ImageInformation (imageid INTEGER PRIMARY KEY, rating INTEGER, creationDate DATETIME);
CREATE TABLE ImagePositions (imageid INTEGER PRIMARY KEY, latitudeNumber REAL, longitudeNumber REAL);
CREATE TABLE ImageComments (id INTEGER PRIMARY KEY, imageid INTEGER, type INTEGER, language TEXT, comment TEXT);
CREATE TABLE Tags (id INTEGER PRIMARY KEY, pid INTEGER, name TEXT);
CREATE TABLE ImageTags (imageid INTEGER, tagid INTEGER);
INSERT INTO AlbumRoots VALUES (1, 'Pictures', 0, 1, 'volumeid:?uuid=1234', '/home/somebody/Pictures');
INSERT INTO Albums VALUES (1, 1, '/', NULL, NULL, NULL, NULL), (2, 1, '/Trips/Pisa', NULL, NULL, NULL, NULL);
INSERT INTO Images VALUES (1, 1, 'a.jpg', 1, 1, NULL, 1, ''), (2, 2, 'b.jpg', 1, 1, NULL, 1, ''),
    (3, 2, 'hidden.jpg', 3, 1, NULL, 1, ''), (4, 2, 'gone.jpg', 1, 1, NULL, 1, ''), (5, 1, 'c.xyz', 1, 1, NULL, 1, '');
INSERT INTO ImageInformation VALUES (1, -1, NULL), (2, 4, '2019-05-04T12:30:00');
INSERT INTO ImagePositions VALUES (2, 43.723, 10.3966);
INSERT INTO ImageComments VALUES (1, 2, 3, 'x-default', 'The tower'), (2, 2, 1, 'x-default', 'It leans');
INSERT INTO Tags VALUES (1, 0, 'People'), (2, 1, 'Anna'), (3, 0, 'Places'), (4, 3, 'Italy'),
    (5, 0, '_Digikam_Internal_Tags_'), (6, 5, 'Pick Label Accepted');
INSERT INTO ImageTags VALUES (2, 2), (2, 4), (2, 6), (1, 3);
"""


def write_digikam(folder: Path) -> Path:
    """A folder of photos with digiKam's database in it."""
    write_all(folder, {"a.jpg": small_photo(1), "Trips/Pisa/b.jpg": small_photo(2), "c.xyz": "x"})
    with sqlite3.connect(folder / "digikam4.db") as connection:
        connection.executescript(DIGIKAM)
    connection.close()
    return folder
