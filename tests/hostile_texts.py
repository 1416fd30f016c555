"""Texts that mean harm: web pages, code, tables and notebooks that nest or run on without end, and odd letters.

Name -> what makes the file.
"""

import json
from collections.abc import Callable
from pathlib import Path

from bombs import NESTED
from made_files import picture_bytes, zip_bytes

Make = Callable[[], bytes] | Callable[[Path], object]
MILLION = 1_000_000
SMALL_NEST, LARGE_NEST = 60_000, 500_000


def nested_code(name: str, size: int) -> bytes:
    """Marks that open and never close, and words at the end."""
    return (NESTED[name] * (size // len(NESTED[name])) + "\nwords_at_the_end = 1\n").encode()


def notebook(*cells: object, **more: object) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells, **more}).encode()


def cell(source: object, kind: str = "code", **more: object) -> dict[str, object]:
    return {"cell_type": kind, "source": source, "metadata": {}, "outputs": [], **more}


def long_line(path: Path) -> None:
    """A table of one line of 200 MB."""
    part = b"one,two,three,4,5.5," * 50_000
    with path.open("wb") as file:
        for _ in range(200):
            file.write(part)


def sparse(path: Path) -> None:
    """A text of 400 MB, of which nearly all is a hole."""
    with path.open("wb") as file:
        file.write(b"words and no more\n")
        file.truncate(400 * MILLION)


def sparse_video(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"\0\0\0\x18ftypisom\0\0\0\0isommp42")
        file.truncate(10 * 1024**3)


def called(name: str) -> bytes:
    """A page that names an encoding which is none of text, or costs the square of its length."""
    return f'<meta charset="{name}"><p>'.encode() + b"words and xn--more-" * 30_000


WEB: dict[str, Make] = {
    "tags.html": lambda: b"<b>" * MILLION + b"words",
    "tags-closed.html": lambda: b"<b>a</b>" * MILLION,
    "divs.html": lambda: b"<div>" * MILLION,
    "closers.html": lambda: b"</div>" * 2 * MILLION + b"words",
    "attributes.html": lambda: b"<p " + b" ".join(b"a%d=1" % n for n in range(300_000)) + b">words",
    "attribute.html": lambda: b'<p title="' + b"a" * 50 * MILLION + b'">words',
    "brackets.html": lambda: b"<" * 5 * MILLION + b"words",
    "styles.html": lambda: b'<p style="color:red;display:none">a</p>' * 100_000 + b"<p>words",
    "rows.html": lambda: b"<table>" + b"<tr><td>a<td>b" * 60_000 + b"</table>",
    "cells.html": lambda: b"<table><tr>" + b"<td>a" * 200_000 + b"</table>",
    "spans.html": lambda: b"<table>" + b"<tr><td rowspan=50 colspan=50>a<td>b</tr>" * 5_000 + b"</table>",
    "spans-wide.html": lambda: (
        b"<table><tr>" + b"<td rowspan=50 colspan=50>a" * 9_000 + b"<tr><td>b" * 60 + b"</table>"
    ),
    "listings.html": lambda: b"<pre>a</pre>" * 100_000,
    "select.html": lambda: b"<select>" + b"<option>a" * 300_000,
    "refresh.html": lambda: (
        b'<meta http-equiv=refresh content="0;url=http://127.0.0.1:9/"><base href="http://127.0.0.1:9/"><p>words'
    ),
    "called-idna.html": lambda: called("idna"),
    "called-undefined.html": lambda: called("undefined"),
    "templates.html": lambda: b"<template>" * 480 + b"words",
    "script.svg": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>fetch("http://127.0.0.1:9/")</script></svg>'
    ),
    "outside.svg": lambda: (
        b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]><svg xmlns="http://www.w3.org/2000/svg"><text>&a;</text></svg>'
    ),
    "loops.svg": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg"><g id="a"><use href="#a"/></g>'
        + b'<use href="#a"/>' * 9_000
        + b"</svg>"
    ),
    "laughs.svg": lambda: (
        b'<svg xmlns="http://www.w3.org/2000/svg"><defs>'
        + b"".join(b'<g id="g%d">' % n + b'<use href="#g%d"/>' % (n - 1) * 10 + b"</g>" for n in range(1, 12))
        + b'</defs><use href="#g11"/></svg>'
    ),
}
CODE: dict[str, Make] = {
    **{
        f"nested-{name.replace('.', '-')}.{name.split('.')[1]}": (lambda name=name: nested_code(name, SMALL_NEST))
        for name in NESTED
    },
    **{
        f"nested-long-{name.replace('.', '-')}.{name.split('.')[1]}": (lambda name=name: nested_code(name, LARGE_NEST))
        for name in ("a.json", "b.json", "a.py", "a.yaml", "a.ipynb")
    },
    "deep-100000.json": lambda: b"[" * 100_000 + b"]" * 100_000,
    "deep-objects.json": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "escapes.json": lambda: b'["' + b"\\ud800" * MILLION + b'"]',
    "tags.yaml": lambda: b"a: !!python/object/apply:os.system ['id']\n" * 9_000,
    "one-line.js": lambda: b"function a(){return b(c)};" * 400_000,
    "operators.py": lambda: b"a = " + b"1 + " * 300_000 + b"1",
    "functions.py": lambda: b"def f(): pass\n" * 200_000,
    "heredocs.sh": lambda: b"cat <<E\n" * 100_000,
    "generics.java": lambda: b"A<" * 100_000 + b"int a;",
    "cells.ipynb": lambda: notebook(*[cell("a = 1") for _ in range(90_000)]),
    "versions.ipynb": lambda: json.dumps({"nbformat": 99, "cells": {"a": 1}, "worksheets": 7}).encode(),
}
LETTERS: dict[str, Make] = {
    "one-line.csv": long_line,
    "formulas.csv": lambda: b"=cmd|' /C calc'!A0,@SUM(1),+1,-1\n" * 50_000,
    "sparse.txt": sparse,
    "sparse.mp4": sparse_video,
    "headings.md": lambda: b"# a\n" * 400_000,
    "underlined.md": lambda: b"a\n" + b"=" * 5 * MILLION,
    "stops.txt": lambda: b"." * 10 * MILLION,
    "right-to-left.txt": lambda: ("\u202e" * 300_000 + "words" + "\u2066" * 300_000).encode(),
    "zalgo.txt": lambda: ("a" + "\u0301\u0327\u0489" * 900_000).encode(),
    "marks.txt": lambda: b"\xef\xbb\xbf" * 900_000 + b"words",
    "lone-surrogates.txt": lambda: b"\xff\xfe" + b"\x00\xd8" * MILLION,
    "surrogates-utf8.txt": lambda: b"\xed\xa0\x80" * 300_000 + b"words",
    "utf7.txt": lambda: b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-\n" * 9_000,
    "any-encoding.txt": lambda: bytes(range(0x80, 0x100)) * 9_000,
    "generated.py": lambda: b"\n" * 480 + b"#" * 500 + b"\na = 1\n",
}
POLYGLOTS: dict[str, Make] = {
    "gif-script.js": lambda: b"GIF89a/*" + b"\1\0\1\0\x80\0\0" + b"*/=1;alert(1);//",
    "gif-script.gif": lambda: b"GIF89a=1;alert(1);//" + b"\xff" * 99,
    "pdf-zip.pdf": lambda: b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n" + zip_bytes({"a.txt": b"words"}),
    "jpeg-page.html": lambda: picture_bytes("jpeg") + b"<script>alert(1)</script><p>words",
    "jpeg-zip.jpg": lambda: picture_bytes("jpeg") + zip_bytes({"../evil.txt": b"words"}),
    "page-pdf.pdf": lambda: b"%PDF-1.4 <html><script>alert(1)</script>",
    "webp-avi.avi": lambda: b"RIFF\xff\xff\xff\xffWEBPAVI LIST" + b"\xff" * 900,
    "mail-page.eml": lambda: b"From: a@example.org\nContent-Type: text/html\n\n<script>alert(1)</script><p>words",
}
TEXTS = WEB | CODE | LETTERS | POLYGLOTS
