"""Pictures of every kind that can be made here, drawn by lot into a folder: documents, screens, plots, drawings.

Papers are also scanned and photographed: turned, bent into a corner of a desk, noisy, dim. Photos are made odd: cut
close, dark, blurred, so that plain ground alone makes no drawing. What lies in the folder is not drawn again.
`pictures.jsonl` says of each picture its kind and the sentence that it was made with.
"""

import base64
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from deepseek_mm.evaluation.scene_painter import draw_scene, make_scene
from deepseek_mm.evaluation.screenshots import open_chromium
from deepseek_mm.training.descriptions.pages import PAGES, DrawnPage, PageMaker, read_code, read_icons, read_sentences
from deepseek_mm.training.descriptions.plots import draw_plot
from deepseek_mm.vision.picture_kind import PHOTO

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROWS = "pictures.jsonl"
QUALITY = 88  # of the pictures' JPEG
SHAPES = {"circle": "ellipse", "square": "rectangle", "line": "line"}
TINTS = ("red", "blue", "green", "yellow", "purple", "orange", "brown", "grey", "black", "pink")


@dataclass(frozen=True, slots=True)
class DrawnPicture:
    """A picture that was made here."""

    kind: str
    image: Image.Image
    caption: str


def draw_pictures(folder: Path, *, icons: Path, photos: Sequence[Path], each: int, seed: int = 0) -> Path:
    """`each` of every kind, as JPEG; returns the file of rows {image, kind, captions}."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / ROWS
    if not done.is_file():
        rows = []
        for number, picture in enumerate(make_pictures(icons, photos, each, Random(seed))):
            name = f"{picture.kind}-{number:05d}.jpg"
            picture.image.convert("RGB").save(folder / name, quality=QUALITY)
            rows.append({"image": name, "kind": picture.kind, "captions": [picture.caption]})
        draft = done.with_suffix(".draft")
        draft.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        draft.replace(done)
    return done


def make_pictures(icons: Path, photos: Sequence[Path], each: int, draw: Random) -> Iterator[DrawnPicture]:
    """So many of each kind."""
    addresses = [to_address(path) for path in draw.sample(list(photos), min(40, len(photos)))]
    make = PageMaker(read_sentences(), read_code(), addresses, read_icons(icons))
    for _ in range(each):
        yield DrawnPicture("plot", *draw_plot(draw))
    for n in range(each):
        yield DrawnPicture("drawing", *(draw_shapes(draw) if n % 2 else draw_solids(draw)))
    for path in draw.choices(list(photos), k=each):
        yield DrawnPicture(PHOTO, make_odd(path, draw), "")
    with open_chromium() as browser:
        for kind in PAGES:
            for _ in range(each):
                made = make.make(kind, draw)
                image = take_picture(browser.new_page(), made)
                yield DrawnPicture(
                    kind,
                    *(photograph(image, made.caption, photos, draw) if kind == "document" else (image, made.caption)),
                )


def take_picture(page: "Page", made: DrawnPage) -> Image.Image:
    """What a browser makes of it; the page is closed."""
    page.set_viewport_size({"width": made.size_px[0], "height": made.size_px[1]})
    page.set_content(made.html, wait_until="load")
    image = Image.open(io.BytesIO(page.screenshot()))
    page.close()
    return image.convert("RGB")


def make_odd(path: Path, draw: Random) -> Image.Image:
    """A photo cut close, and dark or blurred or with its ground blackened."""
    with Image.open(path) as photo:
        image = photo.convert("RGB")
    share = draw.uniform(0.25, 0.9)
    left, top = (draw.uniform(0, 1 - share) * side for side in image.size)
    image = image.crop((round(left), round(top), round(left + share * image.width), round(top + share * image.height)))
    image = image.resize((draw.randint(200, 600), draw.randint(200, 600)), Image.Resampling.BICUBIC)
    if draw.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(draw.uniform(1, 12)))
    if draw.random() < 0.6:
        power, black = draw.uniform(1, 4), draw.uniform(0, 0.35)
        light = (np.asarray(image, np.float32) / 255) ** power - black
        image = Image.fromarray((255 * light.clip(0, 1) / (1 - black)).astype(np.uint8))
    return image


def to_address(path: Path) -> str:
    """A photo as a page may show it."""
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()


def draw_solids(draw: Random) -> tuple[Image.Image, str]:
    """A scene on paper."""
    return draw_scene(make_scene(draw), draw.choice([192, 256, 320])), "a drawing of several solids on a floor"


def draw_shapes(draw: Random) -> tuple[Image.Image, str]:
    """Flat shapes, or strokes of a pen, on a plain ground."""
    side = draw.choice([64, 200, 400])
    image = Image.new(
        "RGB", (side, side), draw.choice(["white", "white", "lightyellow", "lightblue", "black", "beige"])
    )
    pen, count = ImageDraw.Draw(image), draw.randint(1, 12)
    shape, tint = draw.choice(list(SHAPES)), draw.choice(TINTS)
    for _ in range(count):
        x, y = draw.uniform(0, 0.7) * side, draw.uniform(0, 0.7) * side
        far = draw.uniform(0.1, 0.5) * side
        box = (x, y, x + far, y + far)
        if shape == "line":
            points = [(draw.uniform(0, side), draw.uniform(0, side)) for _ in range(draw.randint(2, 9))]
            pen.line(points, fill=tint, width=max(1, side // 80), joint="curve")
        else:
            look = {"fill": tint} if draw.random() < 0.7 else {"outline": tint, "width": max(1, side // 60)}
            getattr(pen, SHAPES[shape])(box, **look)
    return image, f"a drawing of a {tint} {shape}" if count == 1 else f"a drawing of {tint} {shape}s"


def photograph(image: Image.Image, caption: str, photos: Sequence[Path], draw: Random) -> tuple[Image.Image, str]:
    """A paper as it is, scanned, or photographed on something."""
    way = draw.choice(["plain", "plain", "scan", "photo", "photo"])
    if way == "plain":
        return image, caption
    if way == "scan":
        turned = image.rotate(draw.uniform(-2, 2), Image.Resampling.BICUBIC, fillcolor=(245, 245, 245))
        return add_noise(turned.convert("L").convert("RGB"), draw), f"{caption}, scanned"
    ground = draw_ground(draw, image.size, photos)
    return add_noise(lay_on(image, ground, draw), draw), f"{caption} on a table"


def draw_ground(draw: Random, size: tuple[int, int], photos: Sequence[Path]) -> Image.Image:
    """A plain colour, or the blurred colours of a photo, a little larger than the paper."""
    large = (round(size[0] * draw.uniform(1.05, 1.5)), round(size[1] * draw.uniform(1.05, 1.4)))
    if draw.random() < 0.4:
        return Image.new("RGB", large, tuple(draw.randint(40, 200) for _ in range(3)))
    with Image.open(draw.choice(list(photos))) as photo:
        small = photo.convert("RGB").resize((draw.randint(3, 24), draw.randint(3, 24)))
    return small.resize(large, Image.Resampling.BICUBIC)


def lay_on(image: Image.Image, ground: Image.Image, draw: Random) -> Image.Image:
    """The paper seen from a corner, under a light that falls off."""
    wide, high = ground.size
    corners = np.array([(0.08, 0.08), (0.92, 0.08), (0.92, 0.92), (0.08, 0.92)], np.float32)
    moved = np.array([[draw.uniform(-0.05, 0.05) for _ in range(2)] for _ in corners], np.float32)
    source = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float32) * np.array(image.size, np.float32)
    turn = cv2.getPerspectiveTransform(source, (corners + moved) * np.array(ground.size, np.float32))
    paper = cv2.warpPerspective(np.asarray(image), turn, (wide, high))
    there = (
        cv2.warpPerspective(np.full((image.height, image.width), 255, np.uint8), turn, (wide, high))[..., None] / 255
    )
    light = np.linspace(draw.uniform(0.6, 1), draw.uniform(0.6, 1), wide)[None, :, None]
    laid = (paper * there + np.asarray(ground) * (1 - there)) * light
    return Image.fromarray(laid.clip(0, 255).astype(np.uint8))


def add_noise(image: Image.Image, draw: Random) -> Image.Image:
    """As a sensor adds it."""
    chance = np.random.default_rng(draw.randrange(2**31))
    noisy = np.asarray(image, np.float32) + chance.normal(0, draw.uniform(1, 8), (image.height, image.width, 1))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
