"""An inspection as one picture: the words in the colours of their experts, the layers, and where the reader looked.

It is an SVG without scripts, fonts or addresses: the photo lies inside. Text is set in a monospaced font whose letters
are told how wide to be, so it looks alike on every machine.
"""

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from unicodedata import east_asian_width

from PIL.Image import Image

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.lm.expert_trace import ExpertTrace, LayerReach
from deepseek_mm.services.inspection_service import Inspection
from deepseek_mm.vision.small_nets import AttentionMap

INKS = ("#b3261e", "#0b57d0", "#146c2e", "#8a5000", "#6d3fc0", "#a8327a", "#0b6b74", "#4a5560")  # all carry white text
STAGES = {"local": 8, "growing": 16, "global": 24, "sparse": 24}  # height of a layer's bar; a sparse one is hollow
BAR = "#475569"
VEIL = 0.75  # opacity over a cell that nobody looked at
INK_OF_VEIL = 'fill="#0b1220" shape-rendering="crispEdges"'


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawingTexts:
    """What stands in the picture beside the words of the model."""

    experts: dict[str, str] = field(default_factory=dict)  # a name of ours -> as it is told
    stages: dict[str, str] = field(default_factory=dict)
    layers: str = "How far each layer sees (* has experts)"
    looked: str = "Where the reader looked"
    all_layers: str = "all layers"
    layer: str = "layer {number}"
    nothing: str = "No word of this answer was written by a model with experts."


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawingLayout:
    """Sizes of the picture."""

    wide_px: int = 960
    edge_px: int = 24
    letter_px: float = 9.0  # width of a narrow letter, at 15 px
    line_px: int = 38
    map_px: int = 216  # width of one heat map: four fit beside each other
    gap_px: int = 16  # between two of them
    longest_px: int = 560  # side of the photo inside
    most_title: int = 96  # letters


def draw_inspection(
    told: Inspection, photo: Image | None, texts: DrawingTexts | None = None, layout: DrawingLayout | None = None
) -> str:
    """The picture, as the text of an SVG. `photo` is what the reader looked at, where that is known."""
    texts, layout = texts or DrawingTexts(), layout or DrawingLayout()
    parts, y = [draw_title(told.question, layout)], 64.0
    traces = list_traces(told)
    for trace in traces:
        drawn, y = draw_tokens(trace, layout, y)
        parts.append(drawn)
    if traces:
        parts.append(draw_legend(traces[0], texts, layout, y))
        y += 2 * 26 + 14
        drawn, y = draw_layers(told.reaches, texts, layout, y)
        parts.append(drawn)
    else:
        parts.append(draw_text(layout.edge_px, y, texts.nothing))
        y += layout.line_px
    if told.look is not None and photo is not None:
        drawn, y = draw_maps(told.look.map, photo, texts, layout, y)
        parts.append(drawn)
    return frame(parts, layout, round(y + layout.edge_px))


def list_traces(told: Inspection) -> list[ExpertTrace]:
    """Of the texts that stand in the answer; where none does, of all that the model tried."""
    run = [(text.shown, text.trace) for text in told.texts if text.trace]
    return [trace for shown, trace in run if shown] or [trace for _, trace in run]


def frame(parts: Iterable[str], layout: DrawingLayout, high_px: int) -> str:
    """All parts on white paper."""
    wide = layout.wide_px
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high_px}" width="{wide}" height="{high_px}" '
        f'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="15">'
        f'<rect width="{wide}" height="{high_px}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def draw_text(x: float, y: float, text: str, *, fill: str = "#1f2937", size: int = 15, wide_px: float = 0.0) -> str:
    """One line; with `wide_px` its letters share exactly that much."""
    fixed = f' textLength="{wide_px:.0f}" lengthAdjust="spacingAndGlyphs"' if wide_px else ""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" fill="{fill}" font-size="{size}" xml:space="preserve"{fixed}>'
        f"{escape(printable_xml(text))}</text>"
    )


def draw_title(question: str, layout: DrawingLayout) -> str:
    """The question on one line."""
    line = " ".join(question.split())
    cut = line if len(line) <= layout.most_title else f"{line[: layout.most_title - 3]}..."
    return draw_text(layout.edge_px, 38, cut, size=17)


def draw_tokens(trace: ExpertTrace, layout: DrawingLayout, y: float) -> tuple[str, float]:
    """The words in the colours of the experts that had the most weight in them, and where the next thing begins."""
    x, parts = float(layout.edge_px), []
    for n, token in enumerate(trace.tokens):
        shown = token.text.replace("\n", " ")
        if not shown:
            continue
        number = next(iter(trace.weigh(n)))
        wide = layout.letter_px * max(1, count_columns(shown))
        if x + wide > layout.wide_px - layout.edge_px:
            x, y = float(layout.edge_px), y + layout.line_px
        parts.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="22" rx="3" fill="{INKS[number % len(INKS)]}"/>'
            + draw_text(x, y + 16, shown, fill="#ffffff", wide_px=wide)
            + draw_text(x + 1, y + 33, str(number + 1), fill="#4a5560", size=10)
        )
        x += wide + 2
    return "".join(parts), y + layout.line_px + 10


def draw_legend(trace: ExpertTrace, texts: DrawingTexts, layout: DrawingLayout, y: float) -> str:
    """Number, colour, name and share of each expert, four a row."""
    shares, step, parts = trace.shares(), (layout.wide_px - 2 * layout.edge_px) / 4, []
    for number, spec in enumerate(trace.experts):
        x, line = layout.edge_px + step * (number % 4), y + 26 * (number // 4)
        name = f"{number + 1} {texts.experts.get(spec.name, spec.name)} {100 * shares[number]:.0f} %"
        parts.append(f'<rect x="{x:.0f}" y="{line:.0f}" width="14" height="14" fill="{INKS[number % len(INKS)]}"/>')
        parts.append(draw_text(x + 20, line + 12, name, size=13))
    return "".join(parts)


def draw_layers(
    reaches: Sequence[LayerReach], texts: DrawingTexts, layout: DrawingLayout, y: float
) -> tuple[str, float]:
    """A strip of all layers: the colour says the stage, a dot says that the layer has experts."""
    if not reaches:
        return "", y
    step = (layout.wide_px - 2 * layout.edge_px) / len(reaches)
    parts = [draw_text(layout.edge_px, y + 12, texts.layers, size=13)]
    for place, reach in enumerate(reaches):
        x = layout.edge_px + step * place
        parts.append(draw_bar(x, y + 46, step - 4, reach.stage))
        mark = "*" if reach.has_experts else ""
        parts.append(draw_text(x, y + 60, f"{reach.number}{mark}", size=11))
    for place, stage in enumerate(stage for stage in STAGES if any(reach.stage == stage for reach in reaches)):
        x = layout.edge_px + (layout.wide_px - 2 * layout.edge_px) / len(STAGES) * place
        parts.append(
            draw_bar(x, y + 98, 14, stage) + draw_text(x + 20, y + 97, texts.stages.get(stage, stage), size=13)
        )
    return "".join(parts), y + 122


def draw_bar(x: float, foot: float, wide: float, stage: str) -> str:
    """The bar of a layer: the further it sees the higher, and hollow where it chooses among what it could see."""
    high = STAGES[stage]
    look = (
        f'fill="none" stroke="{BAR}" stroke-width="2" stroke-dasharray="4 3"' if stage == "sparse" else f'fill="{BAR}"'
    )
    return f'<rect x="{x:.1f}" y="{foot - high:.0f}" width="{wide:.1f}" height="{high}" {look}/>'


def draw_maps(
    told: AttentionMap, photo: Image, texts: DrawingTexts, layout: DrawingLayout, y: float
) -> tuple[str, float]:
    """The photo under the veil of all layers, and of each of them."""
    several = range(len(told.layers_LGG)) if len(told.layers_LGG) > 1 else ()
    maps = [(texts.all_layers, told.shine()), *((texts.layer.format(number=n + 1), told.shine(n)) for n in several)]
    wide, high = layout.map_px, round(layout.map_px * photo.height / photo.width)
    columns = (layout.wide_px - 2 * layout.edge_px + layout.gap_px) // (wide + layout.gap_px)
    parts = [draw_text(layout.edge_px, y + 12, texts.looked, size=13)]
    parts.append(f'<defs><image id="photo" width="{wide}" height="{high}" href="{embed_photo(photo, layout)}"/></defs>')
    for n, (name, shine_GG) in enumerate(maps):
        x, top = layout.edge_px + (n % columns) * (wide + layout.gap_px), y + 24 + (n // columns) * (high + 34)
        parts.append(f'<use href="#photo" x="{x}" y="{top:.0f}"/>{draw_text(x, top + high + 18, name, size=13)}')
        parts.append(f'<g transform="translate({x} {top:.0f})" {INK_OF_VEIL}>{"".join(veil(shine_GG, wide, high))}</g>')
    rows = -(-len(maps) // columns)
    return "".join(parts), y + 24 + rows * (high + 34)


def veil(shine_GG: Floats, wide: int, high: int) -> Iterator[str]:
    """A rectangle for each cell, the darker the less was looked at it."""
    rows, columns = shine_GG.shape
    for row in range(rows):
        for column in range(columns):
            yield (
                f'<rect x="{column * wide / columns:.1f}" y="{row * high / rows:.1f}" width="{wide / columns:.1f}" '
                f'height="{high / rows:.1f}" opacity="{VEIL * (1 - float(shine_GG[row, column])):.2f}"/>'
            )


def embed_photo(photo: Image, layout: DrawingLayout) -> str:
    """A small copy of the photo as an address that holds it."""
    small, data = photo.convert("RGB").copy(), io.BytesIO()
    small.thumbnail((layout.longest_px, layout.longest_px))
    small.save(data, "JPEG", quality=82)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


def count_columns(text: str) -> int:
    """How many narrow letters a text is as wide as; signs of Chinese take two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def printable_xml(text: str) -> str:
    """Without the letters that no XML may hold."""
    return "".join(letter if letter.isprintable() or letter == " " else "?" for letter in text)
