"""What the model did for one answer, as HTML: its words in the colours of experts, its layers, where the reader looked.

Everything a choice of layer changes is on the page already, told apart by `scripts/inside.js`: a token carries what to
say of it for all layers and for each, a cell how dark its veil is. Colour never stands alone: the number of the expert
is under each token, and its name in the legend and in what is said of the token.
"""

import base64
from collections.abc import Sequence
from html import escape

from deepseek_mm import DrawingTexts, ExpertTrace, InspectedLook, InspectedText, Inspection, LayerReach
from ui.html import hint
from ui.pictures import THUMB_PX, PagePictures
from ui.words import UiTexts

VEIL = 0.75  # opacity over a cell that nobody looked at
MOST_SAID, LEAST_SAID = 3, 0.005  # experts that are named for a token, and the weight of each
EXPERTS = (
    "coder",
    "reckoner",
    "witness",
    "observer",
    "aide",
    "talker",
    "operator",
    "narrator",
)  # as the words have them
DOMAINS = ("code", "mathematics", "evidence", "vision", "instructions", "dialogue", "shell", "english")
STAGES = ("local", "growing", "global", "sparse")
FILE = "what-the-model-did.svg"
APART = "|"  # between what is said of a token for one layer and the next


def render_inspection(told: Inspection, pictures: PagePictures, words: UiTexts, drawing: str = "") -> str:
    """The panel; `drawing` is the same as one picture, to be saved."""
    texts = "".join(render_text(text, told, words) for text in told.texts)
    body = texts + render_layers(told.reaches, words) + render_look(told, pictures, words)
    return (
        f'<section class="inside"><h2 tabindex="-1">{escape(words.inside)}</h2>{hint(tell_wording(told, words))}'
        f"{body}{render_saver(drawing, words)}</section>"
    )


def tell_wording(told: Inspection, words: UiTexts) -> str:
    """Who wrote the words of the answer, and what can be shown of it."""
    said = {
        "model": words.inside_model,
        "program": words.inside_program,
        "changed": words.inside_changed,
        "plain": words.inside_plain,
        "opaque": words.inside_opaque,
        "unkept": words.inside_unkept,
    }[told.wording]
    return said.format(model=told.model)


def render_text(text: InspectedText, told: Inspection, words: UiTexts) -> str:
    """What the model wrote after one prompt, token by token; without its tokens where it cannot be run again."""
    title = words.inside_wrote if text.shown else words.inside_tried
    head = f"<h3>{escape(title)}</h3>"
    if text.trace is None:
        shares = words.join(f"{tell_expert(name, words)} {100 * share:.0f} %" for name, share in text.shares.items())
        return f'<div class="inside-part">{head}<p class="wrote">{escape(text.text)}</p>{hint(shares)}</div>'
    trace, agrees = text.trace, words.inside_agrees.format(percent=100 * text.trace.agreement)
    tokens = "".join(render_token(trace, n, words) for n in range(len(trace.tokens)))
    return (
        f'<div class="inside-part">{head}{render_chooser(trace, told, words)}'
        f'<p class="tokens" role="group" aria-label="{escape(words.inside_tokens)}">{tokens}</p>'
        f'<p class="hint said" role="status">{escape(words.inside_hover)}</p>{render_legend(trace, words)}'
        f"{hint(agrees)}</div>"
    )


def render_chooser(trace: ExpertTrace, told: Inspection, words: UiTexts) -> str:
    """Which layer's experts colour the words."""
    stages = {reach.number: reach.stage for reach in told.reaches}
    names = [words.inside_all]
    for number in trace.layers:
        stage = tell_stage(stages.get(number, "global"), words)
        names.append(words.inside_layer.format(number=number, stage=stage))
    options = "".join(f'<option value="{n}">{escape(name)}</option>' for n, name in enumerate(names))
    return f'<label class="chooser">{escape(words.inside_choose)} <select class="by-layer">{options}</select></label>'


def render_token(trace: ExpertTrace, number: int, words: UiTexts) -> str:
    """A token with its expert for all layers and for each of them, and what is said of it then."""
    token, views = trace.tokens[number], [None, *trace.layers]
    weights = [trace.weigh(number, layer) for layer in views]
    by = [next(iter(each)) + 1 for each in weights]
    said = APART.join(tell_token(trace, each, words) for each in weights)
    chance = words.inside_chance.format(percent=100 * token.chance)
    told = f"{escape(said, quote=True)}"
    return (
        f'<button type="button" class="token" tabindex="{0 if number == 0 else -1}" data-expert="{by[0]}" '
        f'data-by="{" ".join(map(str, by))}" data-said="{told}" data-chance="{escape(chance)}">'
        f"<span>{escape(token.text) or '&nbsp;'}</span><small>{by[0]}</small></button>"
    )


def tell_token(trace: ExpertTrace, weights: dict[int, float], words: UiTexts) -> str:
    """The experts that worked on it, the strongest first."""
    first = [pair for pair in weights.items() if pair[1] >= LEAST_SAID][:MOST_SAID]
    told = words.join(f"{tell_expert(trace.experts[n].name, words)} {100 * weight:.0f} %" for n, weight in first)
    return told.replace(APART, " ")


def tell_expert(name: str, words: UiTexts) -> str:
    """Its name in the language of the page; that of a model of others as it is."""
    return dict(zip(EXPERTS, words.expert_names, strict=True)).get(name, name)


def tell_stage(stage: str, words: UiTexts) -> str:
    """One of the four stages of progressive attention."""
    return dict(zip(STAGES, words.stage_names, strict=True))[stage]


def render_legend(trace: ExpertTrace, words: UiTexts) -> str:
    """Number, name, what each expert is meant for, and its share in this text."""
    shares = trace.shares()
    rows = "".join(
        f'<li data-expert="{n + 1}"><i>{n + 1}</i> {escape(tell_expert(spec.name, words))} '
        f"<b>{100 * shares[n]:.0f} %</b> <span>{escape(tell_kind(spec.domain, spec.width, words))}</span></li>"
        for n, spec in enumerate(trace.experts)
    )
    return f'<ul class="experts">{rows}</ul>'


def tell_kind(domain: str, width: int, words: UiTexts) -> str:
    """What an expert is meant for, and how large it is."""
    meant = dict(zip(DOMAINS, words.domain_names, strict=True)).get(domain, domain)
    return words.expert_kind.format(domain=meant, width=width)


def render_layers(reaches: Sequence[LayerReach], words: UiTexts) -> str:
    """A bar for each layer, the higher the further it sees, and the same as a table."""
    if not reaches:
        return ""
    bars = "".join(
        f'<li class="{reach.stage}{" mixed" if reach.has_experts else ""}" title="{escape(tell_layer(reach, words))}">'
        f"<i></i>{reach.number}</li>"
        for reach in reaches
    )
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in words.inside_columns)
    rows = "".join(render_row(reach, words) for reach in reaches)
    table = f'<table class="why"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return (
        f'<h3>{escape(words.inside_layers)}</h3><ol class="layers" aria-hidden="true">{bars}</ol>'
        f"{hint(list_stages(reaches, words))}{hint(words.inside_layers_hint)}"
        f"<details><summary>{escape(words.inside_table)}</summary>{table}</details>"
    )


def list_stages(reaches: Sequence[LayerReach], words: UiTexts) -> str:
    """Which layers belong to which stage: "local: 4-6, 25; global: 7"."""
    told = []
    for stage in STAGES:
        numbers = [reach.number for reach in reaches if reach.stage == stage]
        if numbers:
            told.append(f"{tell_stage(stage, words)}: {words.join(join_ranges(numbers))}")
    return "; ".join(told)


def join_ranges(numbers: Sequence[int]) -> list[str]:
    """Rising numbers, those that follow each other as one range: 4, 5, 6, 9 -> "4-6", "9"."""
    starts = [n for n in numbers if n - 1 not in numbers]
    ends = [n for n in numbers if n + 1 not in numbers]
    return [str(start) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True)]


def tell_layer(reach: LayerReach, words: UiTexts) -> str:
    """How far one layer sees, in words."""
    what = tell_stage(reach.stage, words)
    return f"{reach.number}: {what}, {tell_width(reach, words)}"


def tell_width(reach: LayerReach, words: UiTexts) -> str:
    """Its window, its blocks, or all."""
    if reach.window:
        return words.inside_window.format(window=reach.window, sinks=reach.sinks)
    return words.inside_blocks.format(blocks=reach.blocks) if reach.blocks else words.inside_everything


def render_row(reach: LayerReach, words: UiTexts) -> str:
    """A layer in the table."""
    seen = str(reach.seen) if reach.seen > 1 else "-"
    mixed = words.yes if reach.has_experts else words.no
    cells = (str(reach.number), tell_stage(reach.stage, words), tell_width(reach, words), seen, mixed)
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def render_look(told: Inspection, pictures: PagePictures, words: UiTexts) -> str:
    """The photo under its veil, with a slider over the reader's layers."""
    look = told.look
    if look is None:
        return f"<h3>{escape(words.inside_looked)}</h3>{hint(words.inside_no_look)}"
    layers = len(look.map.layers_LGG) if look.by_layer else 0
    shines = [look.map.shine(), *(look.map.shine(n) for n in range(layers))]
    high, wide = shines[0].shape
    cells = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" opacity="{VEIL * (1 - shines[0][y, x]):.2f}" '
        f'data-by="{" ".join(f"{VEIL * (1 - shine[y, x]):.2f}" for shine in shines)}"/>'
        for y in range(high)
        for x in range(wide)
    )
    address = pictures.address(look.source, px=THUMB_PX)
    asked = words.inside_asked.format(question=look.question)
    return (
        f'<h3>{escape(words.inside_looked)}</h3>{hint(asked)}<figure class="looked"><img src="{address}" '
        f'alt="{escape(look.source.name)}" decoding="async"><svg viewBox="0 0 {wide} {high}" '
        f'preserveAspectRatio="none" shape-rendering="crispEdges" aria-hidden="true">{cells}</svg></figure>'
        f"{render_slider(layers, words)}"
        f"{hint(tell_look(look, words))}"
    )


def render_slider(layers: int, words: UiTexts) -> str:
    """From all layers to each; nothing where one map is known."""
    if not layers:
        return ""
    names = [words.inside_all_maps, *(words.inside_map.format(number=n) for n in range(1, layers + 1))]
    return (
        f'<label class="depth">{escape(words.inside_slide)} <input type="range" class="by-depth" min="0" '
        f'max="{layers}" value="0" step="1" aria-valuetext="{escape(names[0])}" '
        f'data-names="{escape(APART.join(names))}"> '
        f"<output>{escape(names[0])}</output></label>"
    )


def tell_look(look: InspectedLook, words: UiTexts) -> str:
    """How far the map is the one of the time when it was answered."""
    if not look.by_layer:
        return words.inside_map_kept
    agrees = words.inside_map_agrees.format(percent=100 * (look.agreement or 0.0))
    return f"{words.inside_map_now if look.agreement is None else agrees} {words.inside_rest}"


def render_saver(drawing: str, words: UiTexts) -> str:
    """A link that saves all of it as one picture."""
    if not drawing:
        return ""
    data = base64.b64encode(drawing.encode()).decode()
    return (
        f'<p class="acts"><a class="save" download="{FILE}" '
        f'href="data:image/svg+xml;base64,{data}">{escape(words.inside_save)}</a></p>'
    )


def picture_texts(words: UiTexts) -> DrawingTexts:
    """What stands in that picture, in the language of the page."""
    return DrawingTexts(
        experts=dict(zip(EXPERTS, words.expert_names, strict=True)),
        stages=dict(zip(STAGES, words.stage_names, strict=True)),
        layers=words.inside_drawn_layers,
        looked=words.inside_looked,
        all_layers=words.inside_all_maps,
        layer=words.inside_map,
        nothing=words.inside_nothing,
    )
