"""Documents, screens and drawings as HTML, by lot: texts of our own pages, tables, windows, pictures of icons.

Each comes with a sentence that describes it, which is known because it was made here.
"""

import html
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from deepseek_mm.errors import MissingPackage

ROOT = Path(__file__).parents[3]
FONTS = ("DejaVu Sans", "DejaVu Serif", "DejaVu Sans Mono", "DejaVu Sans Condensed")
DARK, LIGHT = (
    ("#1e1e1e", "#ddd", "#333"),
    ("#fff", "#222", "#eee"),
)  # ground, letters, bars
TINTS = ("#2a6fdb", "#d9483b", "#2e9e5b", "#8a4fd0", "#e08a1e", "#11899a", "#444")
SOLD = "tea soap bread milk paper apples lamp chair book coffee rice paint nails rope cheese oil salt shirt"
THINGS = SOLD.split()
BASE = "*{{box-sizing:border-box}}body{{margin:0;font:{size}px {font};background:{ground};color:{ink}}}"
BASE += "table{{border-collapse:collapse}}td,th{{padding:4px 8px;text-align:left}}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnPage:
    """HTML, the size of its picture, and what it shows."""

    body: str
    size_px: tuple[int, int]
    caption: str
    style: str = ""

    @property
    def html(self) -> str:
        """A whole page."""
        return f"<!doctype html><meta charset=utf-8><style>{self.style}</style><body>{self.body}"


def read_sentences() -> list[str]:
    """Plain lines of this project's pages."""
    files = [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]
    lines = (line.strip("#-*|> ") for file in files for line in file.read_text(encoding="utf-8").splitlines())
    return [line.replace("`", "").replace("*", "") for line in lines if len(line) > 40 and "|" not in line]


def read_code() -> list[str]:
    """Pieces of this project's code, 40 lines each."""
    texts = (file.read_text(encoding="utf-8") for file in sorted((ROOT / "deepseek_mm").rglob("*.py")))
    lines = [text.splitlines() for text in texts]
    return ["\n".join(own[at : at + 40]) for own in lines for at in range(0, max(1, len(own) - 40), 120)]


@dataclass(frozen=True, slots=True)
class PageMaker:
    """Draws pages by lot from what there is to show."""

    sentences: Sequence[str]
    code: Sequence[str]
    photos: Sequence[str]  # addresses of pictures
    icons: Sequence[str]  # SVG of 36 or 72 px

    def make(self, kind: str, draw: Random) -> DrawnPage:
        """A document, a screenshot or a drawing."""
        return draw.choice(PAGES[kind])(self, draw)

    def text(self, draw: Random, words: int) -> str:
        """About so many words."""
        told = " ".join(draw.sample(self.sentences, max(1, words // 12))).split()
        return html.escape(" ".join(told[:words]))

    def title(self, draw: Random) -> str:
        """A few words, as of a heading."""
        return self.text(draw, draw.randint(2, 5)).strip(" ,;:.").capitalize()

    def paragraphs(self, draw: Random, count: int) -> str:
        """Some of the text."""
        return "".join(f"<p>{self.text(draw, draw.randint(20, 90))}</p>" for _ in range(count))

    def rows(self, draw: Random, count: int, *, lined: bool = True) -> str:
        """A table of things and figures."""
        edge = ' style="border-bottom:1px solid #999"' if lined else ""
        made = (
            f"<tr{edge}><td>{draw.choice(THINGS)}</td><td>{draw.randint(1, 40)}</td>"
            f"<td>{draw.uniform(1, 900):.2f}</td></tr>"
            for _ in range(count)
        )
        return f'<table style="width:100%">{"".join(made)}</table>'


def base_style(draw: Random, *, dark: bool = False, size: tuple[int, int] = (11, 20), ground: str = "") -> str:
    """Letters and colours of a page."""
    own, ink, _ = DARK if dark else LIGHT
    return BASE.format(size=draw.randint(*size), font=draw.choice(FONTS), ground=ground or own, ink=ink)


def draw_letter(make: PageMaker, draw: Random) -> DrawnPage:
    """A letter, an article or a page of a book."""
    wide, paper = draw.choice([600, 700, 820]), draw.choice(["#fff", "#fff", "#fdfbf4", "#f3ecd9", "#f2f2f2"])
    head = f"<h1>{make.title(draw)}</h1>" if draw.random() < 0.7 else ""
    columns = draw.choice([1, 1, 2])
    inner = f'<div style="columns:{columns}">{make.paragraphs(draw, draw.randint(3, 9))}</div>'
    rows = make.rows(draw, draw.randint(3, 8)) if draw.random() < 0.35 else ""
    edge = draw.randint(24, 70)
    return DrawnPage(
        body=f'<div style="padding:{edge}px">{head}{inner}{rows}</div>',
        size_px=(wide, round(wide * draw.uniform(0.8, 1.42))),
        style=base_style(draw, ground=paper),
        caption="a page of printed text" + (" with a table" if rows else " with a heading" if head else ""),
    )


def draw_receipt(make: PageMaker, draw: Random) -> DrawnPage:
    """A receipt or an invoice."""
    wide = draw.choice([260, 300, 360, 620])
    tax = f"<p>{draw.choice(['VAT', 'Tax', 'MwSt'])} {draw.uniform(1, 60):.2f}</p>"
    total = f"<h3>Total {draw.uniform(5, 400):.2f}</h3>{tax}"
    shop = f'<h2 style="text-align:center">{make.title(draw)}</h2><p>{make.text(draw, 6)}</p>'
    lined = draw.random() < 0.5
    return DrawnPage(
        body=f'<div style="padding:18px">{shop}{make.rows(draw, draw.randint(4, 16), lined=lined)}{total}</div>',
        size_px=(wide, round(wide * draw.uniform(1.2, 2.2))),
        style=base_style(draw, size=(11, 15), ground=draw.choice(["#fff", "#fafafa", "#f4f1ea"])),
        caption="a receipt with prices" if wide < 500 else "an invoice with a table of prices",
    )


def draw_form(make: PageMaker, draw: Random) -> DrawnPage:
    """A form to fill in."""
    field = '<p>{}</p><div style="border:1px solid #555;height:26px;margin-bottom:8px"></div>'
    fields = "".join(field.format(make.text(draw, 4)) for _ in range(draw.randint(4, 11)))
    return DrawnPage(
        body=f'<div style="padding:40px"><h2>{make.title(draw)}</h2><p>{make.text(draw, 30)}</p>{fields}</div>',
        size_px=(640, draw.randint(640, 900)),
        style=base_style(draw, size=(11, 15)),
        caption="a printed form with empty fields",
    )


def draw_editor(make: PageMaker, draw: Random) -> DrawnPage:
    """Code in an editor or a terminal."""
    try:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer
        from pygments.styles import get_all_styles
    except ImportError as error:
        raise MissingPackage("pygments", needed_for="train kind", extra="dev") from error
    style, size = draw.choice(sorted(get_all_styles())), draw.randint(11, 18)
    form = HtmlFormatter(style=style, noclasses=True, linenos=draw.random() < 0.6 and "inline")
    text = highlight(draw.choice(make.code), PythonLexer(), form)
    ground = form.style.background_color
    bar = f'<div style="background:{draw.choice(TINTS)};color:#fff;padding:6px 12px">{make.title(draw)}.py</div>'
    body = (bar if draw.random() < 0.6 else "") + f'<div style="padding:8px;background:{ground}">{text}</div>'
    dark = int(ground.lstrip("#")[:2].ljust(2, "f"), 16) < 128
    return DrawnPage(
        body=body,
        size_px=(draw.randint(640, 1200), draw.randint(360, 800)),
        style=f"body{{margin:0;background:{ground}}}pre{{font:{size}px/1.4 DejaVu Sans Mono;margin:0}}",
        caption=f"a screenshot of code in a {'dark' if dark else 'light'} editor",
    )


def draw_site(make: PageMaker, draw: Random) -> DrawnPage:
    """A page of the web, with pictures."""
    dark = draw.random() < 0.3
    tint = draw.choice(TINTS)
    links = "".join(f'<span style="margin-right:22px">{make.text(draw, 1)}</span>' for _ in range(draw.randint(3, 6)))
    bar = f'<div style="background:{tint};color:#fff;padding:14px 24px">{links}</div>'
    shown = draw.sample(make.photos, min(len(make.photos), draw.choice([0, 1, 3, 6])))
    cards = "".join(
        f'<div style="flex:1 1 200px"><img src="{photo}" style="width:100%;height:{draw.choice([110, 150])}px;'
        f'object-fit:cover"><p>{make.text(draw, 8)}</p></div>'
        for photo in shown
    )
    look = f"background:{tint};color:#fff;border:0;padding:10px 18px;border-radius:6px"
    button = f'<button style="{look}">{make.text(draw, 2)}</button>'
    main = f"<h1>{make.title(draw)}</h1>{make.paragraphs(draw, draw.randint(1, 3))}{button}"
    body = f'{bar}<div style="padding:24px">{main}<div style="display:flex;gap:14px;flex-wrap:wrap">{cards}</div></div>'
    return DrawnPage(
        body=body,
        size_px=(draw.randint(800, 1280), draw.randint(520, 860)),
        style=base_style(draw, dark=dark, size=(13, 18)),
        caption="a screenshot of a web page" + (" with pictures" if shown else ""),
    )


def draw_chat(make: PageMaker, draw: Random) -> DrawnPage:
    """A conversation, or a list, on a phone."""
    dark, tint = draw.random() < 0.4, draw.choice(TINTS)
    grey = (DARK if dark else LIGHT)[2]
    lines = []
    for _ in range(draw.randint(5, 10)):
        mine = draw.random() < 0.5
        look = f"background:{tint};color:#fff;margin-left:60px" if mine else f"background:{grey};margin-right:60px"
        lines.append(f'<div style="{look};padding:9px 12px;border-radius:14px;margin:8px">{make.text(draw, 9)}</div>')
    clock = f'<div style="padding:6px 12px;font-size:12px">{draw.randint(0, 23)}:{draw.randint(10, 59)}</div>'
    head = f'<div style="background:{tint};color:#fff;padding:14px">{make.title(draw)}</div>'
    return DrawnPage(
        body=clock + head + "".join(lines),
        size_px=(390, draw.randint(640, 844)),
        style=base_style(draw, dark=dark, size=(13, 16)),
        caption="a screenshot of messages on a phone",
    )


def draw_window(make: PageMaker, draw: Random) -> DrawnPage:
    """A program with a list beside a table, or a sheet of figures."""
    dark, tint = draw.random() < 0.35, draw.choice(TINTS)
    grey = (DARK if dark else LIGHT)[2]
    side = "".join(f"<p>{make.text(draw, 2)}</p>" for _ in range(draw.randint(5, 12)))
    cells = "".join(
        "<tr>"
        + "".join(f'<td style="border:1px solid {grey}">{draw.randint(0, 9999)}</td>' for _ in range(6))
        + "</tr>"
        for _ in range(draw.randint(8, 20))
    )
    tiles = "".join(
        f'<div style="background:{draw.choice(TINTS)};color:#fff;padding:16px;flex:1">{draw.randint(1, 999)}</div>'
        for _ in range(draw.choice([0, 0, 3, 4]))
    )
    main = f'<div style="display:flex;gap:10px">{tiles}</div><table style="width:100%">{cells}</table>'
    body = (
        f'<div style="background:{tint};color:#fff;padding:6px 12px">{make.title(draw)}'
        '<span style="float:right">_ x</span></div>'
        f'<div style="display:flex"><div style="width:180px;background:{grey};padding:10px">{side}</div>'
        f'<div style="flex:1;padding:10px">{main}</div></div>'
    )
    return DrawnPage(
        body=body,
        size_px=(draw.randint(760, 1200), draw.randint(480, 800)),
        style=base_style(draw, dark=dark, size=(11, 15)),
        caption="a screenshot of a window with a table of numbers",
    )


def draw_icon(make: PageMaker, draw: Random) -> DrawnPage:
    """One or several drawn things on a coloured or a white ground."""
    side, count = draw.choice([320, 480, 600]), draw.choice([1, 1, 1, 2, 3, 6])
    ground = draw.choice(["#fff", "#fff", "#f4f0e4", "#cfe8ff", "#ffe9a8", "#e6d5f5", "#123"])
    wide = [draw.uniform(0.5, 0.95) if count == 1 else draw.uniform(0.2, 0.45) for _ in range(count)]
    most = [25 if count == 1 else 60 for _ in range(count)]
    picked = "".join(
        f'<svg style="position:absolute;left:{draw.uniform(0, far):.0f}%;top:{draw.uniform(0, far):.0f}%;'
        f'width:{share * side:.0f}px" {icon}</svg>'
        for icon, share, far in zip(draw.sample(make.icons, count), wide, most, strict=True)
    )
    return DrawnPage(
        body=picked,
        size_px=(side, round(side * draw.uniform(0.7, 1.2))),
        style=f"body{{margin:0;background:{ground};overflow:hidden}}",
        caption="a drawing of a thing" if count == 1 else "a drawing of several things",
    )


def draw_diagram(make: PageMaker, draw: Random) -> DrawnPage:
    """Boxes and arrows."""
    shapes, count, tint = [], draw.randint(3, 8), draw.choice(TINTS)
    places = [(90 + 190 * (n % 3) + draw.randint(-20, 20), 60 + 130 * (n // 3)) for n in range(count)]
    for n, (x, y) in enumerate(places):
        if n:
            before = places[draw.randrange(n)]
            shapes.append(f'<line x1="{before[0]}" y1="{before[1]}" x2="{x}" y2="{y}" stroke="#333" stroke-width="2"/>')
    for x, y in places:
        fill = draw.choice(["#fff", tint, "#e8eefc", "#fde8d8"])
        shape = draw.choice(
            ['<rect x="{}" y="{}" width="130" height="56" rx="{}"', '<ellipse cx="{0}" cy="{1}" rx="68" ry="30"']
        )
        at = shape.format(x - 65, y - 28, draw.choice([0, 10])) if "rect" in shape else shape.format(x, y)
        label = f'<text x="{x}" y="{y + 5}" text-anchor="middle" font-size="14">{make.text(draw, 1)}</text>'
        shapes.append(f'{at} fill="{fill}" stroke="#333" stroke-width="2"/>{label}')
    return DrawnPage(
        body=f'<svg width="600" height="460">{"".join(shapes)}</svg>',
        size_px=(600, 460),
        style=base_style(draw),
        caption="a drawing of boxes joined by lines",
    )


PAGES: dict[str, tuple[Callable[[PageMaker, Random], DrawnPage], ...]] = {
    "document": (draw_letter, draw_letter, draw_receipt, draw_form),
    "screenshot": (draw_editor, draw_site, draw_chat, draw_window),
    "drawing": (draw_icon, draw_icon, draw_icon, draw_diagram),
}


def read_icons(file: Path) -> list[str]:
    """Drawings of an icon set as `@iconify-json` packs it, as what stands between `<svg` and `</svg>`."""
    told = json.loads(file.read_text(encoding="utf-8"))
    side = told.get("width") or told.get("height") or 36
    return [f'viewBox="0 0 {side} {side}">{icon["body"]}' for icon in told["icons"].values()]
