"""The Models part as HTML: a card for each model, the recommended one first, with the buttons that its state allows.

A button carries what it does and for which model, so a press means the very card that was seen.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby

from deepseek_mm import CardState, Download, ExchangeState, Job, PublishedFigure, TrialState
from ui.html import button, heading, hint, notice, progress
from ui.library.library_report import far, in_bytes, remaining_time
from ui.trial_table import render_trial
from ui.words import UiTexts

KINDS = ("vlm", "lm", "space", "order")  # what for, in the order in which they are offered
ORDERS = ("text", "code", "reranker")  # kinds of models that put what was found in another order
SPEAKING = ("vlm", "lm")  # that can be tried beside the one that answers
MB = 10**6  # bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelView:
    """The part as it stands."""

    cards: Sequence[CardState]
    downloads: Mapping[str, Download] = field(default_factory=dict)  # by OWNER/MODEL
    in_use: frozenset[str] = frozenset()  # names that are open now
    next_start: frozenset[str] = frozenset()  # names that the next start opens
    exchange: ExchangeState = ExchangeState()  # of the language model
    trial: TrialState = TrialState()  # of the model that was tried last
    indexing: Mapping[str, Job] = field(default_factory=dict)  # by the space in which all files are being indexed
    removing: str = ""  # the model whose removal has to be pressed once more
    kind: str = KINDS[0]  # that is shown

    @property
    def is_busy(self) -> bool:
        """Whether something changes by itself."""
        downloads = any(download.is_active for download in self.downloads.values())
        return downloads or self.exchange.is_active or self.trial.is_active or bool(self.indexing)


def render_models(view: ModelView, words: UiTexts) -> str:
    """The recommended model, the choice of what for, and the models for that."""
    best = next((state for state in view.cards if state.recommended), None)
    offer = _render_offer(best, view, words) if best else hint(words.models_none_here)
    shown = [state for state in view.cards if choice_of(state) == view.kind and state is not best]
    cards = "".join(_render_card(state, view, words) for state in shown)
    return f'{_tell_failure(view, words)}{offer}{_render_kinds(view, words)}<div class="models">{cards}</div>'


def choice_of(state: CardState) -> str:
    """Of what a model is for, that it is shown below."""
    return "order" if state.card.kind in ORDERS else state.card.kind


def _tell_failure(view: ModelView, words: UiTexts) -> str:
    """Why a model without a card, such as the packaged one, does not answer."""
    exchange = view.exchange
    has_card = any(state.card.id == exchange.name for state in view.cards)
    return notice(words.say(exchange.message)) if exchange.step == "failed" and not has_card else ""


def _render_offer(best: CardState, view: ModelView, words: UiTexts) -> str:
    title = words.models_better.format(size=in_bytes(best.card.disk_mb * MB))
    return f'<div class="models recommended">{heading(title)}{_render_card(best, view, words)}</div>'


def _render_kinds(view: ModelView, words: UiTexts) -> str:
    names = {"vlm": words.models_vlm, "lm": words.models_lm, "space": words.models_space, "order": words.models_order}
    buttons = "".join(button("kind", kind, names[kind], pressed=kind == view.kind) for kind in KINDS)
    label = escape(words.models_kinds)
    return f'<div class="choices kinds"><span role="group" aria-label="{label}">{buttons}</span></div>'


def _render_card(state: CardState, view: ModelView, words: UiTexts) -> str:
    """One model."""
    card = state.card
    fits = "" if state.fit.fits else " too-large"
    badge = f'<span class="badge">{escape(words.models_for_here)}</span>' if state.recommended else ""
    return (
        f'<article class="model{fits}" aria-label="{escape(card.title)}"><header><h3>{escape(card.title)}</h3>{badge}'
        f"{_render_standing(state, view, words)}</header>"
        f"<p>{escape(words.say(f'{card.good_for}.'))}</p>{_render_fit(state, words)}"
        f"{_render_facts(state, words)}{_render_remarks(state, words)}"
        f"{render_download(view.downloads.get(card.id), words, card.title)}{render_exchange(state, view, words)}"
        f"{_render_trial(state, view, words)}"
        f'<div class="acts">{"".join(_buttons(state, view, words))}</div></article>'
    )


def _render_standing(state: CardState, view: ModelView, words: UiTexts) -> str:
    """Whether it is in use, or here."""
    said = (
        words.model_in_use
        if state.card.id in view.in_use
        else words.model_next_start
        if state.card.id in view.next_start
        else words.model_here
        if state.installed
        else ""
    )
    return f'<b class="standing">{escape(said)}</b>' if said else ""


def _render_fit(state: CardState, words: UiTexts) -> str:
    mark, said = ("\u2713", words.model_fits) if state.fit.fits else ("\u2717", words.model_too_large)
    why = words.say(f"{state.fit.reason}.")
    return f'<p class="fit"><span aria-hidden="true">{mark}</span> <b>{escape(said)}</b>{escape(why)}</p>'


def _render_facts(state: CardState, words: UiTexts) -> str:
    card = state.card
    size, whole = (in_bytes(mb * MB) for mb in (card.disk_mb, state.disk_needed_mb))
    disk = size if size == whole else words.model_disk_all.format(size=size, all=whole)
    names = {"en": words.model_english, "zh": words.model_chinese, "mul": words.model_many}
    licence = _link(card.license_url, words.say(card.license))
    rows = [
        (words.model_disk, escape(disk)),
        (words.model_memory, escape(in_bytes(state.fit.memory_mb * MB))),
        (words.model_license, licence),
        (words.model_languages, escape(words.join(names.get(code, code) for code in card.languages))),
    ]
    rows += [(words.model_published, _render_figures(card.figures, words))] if card.figures else []
    return '<dl class="facts">' + "".join(f"<dt>{escape(term)}</dt><dd>{told}</dd>" for term, told in rows) + "</dl>"


def _render_figures(figures: Sequence[PublishedFigure], words: UiTexts) -> str:
    """What its makers published; those of one source together, before it."""
    parts = []
    for source, group in groupby(figures, key=lambda figure: figure.source):
        named = words.join(f"{words.say(figure.name)} {figure.value:g}" for figure in group)
        parts.append(f"{escape(named)} ({_link(source, words.model_source)})")
    return "<br>".join(parts)


def _render_remarks(state: CardState, words: UiTexts) -> str:
    """What has to be known before it is fetched."""
    card = state.card
    said = [words.model_server_only] if card.run_by == "server" else []
    said += [] if card.run_here else [words.model_not_run]
    page = _link(card.url, words.model_page, label=f"{words.model_page}: {card.title}")
    return f'<p class="hint">{escape(" ".join(said))} {page}</p>'


def _link(address: str, text: str, *, label: str = "") -> str:
    """A link that opens beside the page and tells the other side nothing of it."""
    ears = f' aria-label="{escape(label)}"' if label else ""
    return f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer"{ears}>{escape(text)}</a>'


def render_download(download: Download | None, words: UiTexts, title: str) -> str:
    """How far a download is, or why it ended badly."""
    if download is None or download.state in ("done", "cancelled"):
        return ""
    if download.state == "failed":
        return notice(words.say(download.message))
    goes_on = download.total_bytes or download.state == "running"
    bar = progress(title, download.done_bytes, download.total_bytes or None) if goes_on else ""
    return f'<div class="job">{bar}<p class="hint">{escape(tell_progress(download, words))}</p></div>'


def render_exchange(state: CardState, view: ModelView, words: UiTexts) -> str:
    """How far it is on its way to answer or to be searched by, or why it does not answer."""
    exchange = view.exchange
    if job := view.indexing.get(state.card.id):
        return hint(words.model_indexing.format(far=words.waiting if job.state == "waiting" else far(job, words)))
    if exchange.name != state.card.id:
        return ""
    if exchange.step == "failed":
        return notice(words.say(exchange.message))
    told = {"opening": words.model_opening, "trying": words.model_trying}
    if state.card.id in view.in_use:
        tried = words.model_order_tried if choice_of(state) == "order" else words.model_tried
        told["done"] = tried.format(said=exchange.message)
    return hint(told[exchange.step]) if exchange.step in told else ""


def _render_trial(state: CardState, view: ModelView, words: UiTexts) -> str:
    """How it does beside the model that answers; nothing once it answers itself."""
    is_tried = view.trial.name == state.card.id and state.card.id not in view.in_use
    return render_trial(view.trial, state.card.title, words) if is_tried else ""


def tell_progress(download: Download, words: UiTexts) -> str:
    """How much is here of how much, how fast it comes, and how long it still takes."""
    if download.state in ("waiting", "stopping"):
        return words.model_waiting if download.state == "waiting" else words.model_stopping
    total = in_bytes(download.total_bytes) if download.total_bytes else ""
    done = in_bytes(download.done_bytes)
    if download.state == "paused":
        return words.model_paused.format(done=done, total=total) if total else words.model_paused_early
    if not total:
        return words.model_looking
    parts = [words.model_far.format(done=done, total=total)]
    if download.bytes_per_second:
        parts.append(words.model_speed.format(size=in_bytes(round(download.bytes_per_second))))
    if download.seconds_left is not None:
        parts.append(remaining_time(download.seconds_left, words))
    return " - ".join(parts)


def _buttons(state: CardState, view: ModelView, words: UiTexts) -> Iterator[str]:
    """What can be done with it as it stands."""
    for act, text in list_acts(state, view, words):
        look = "small foremost" if act in ("download", "accept", "use") else "small"
        yield button(act, state.card.id, text, label=f"{text}: {state.card.title}", look=look)


def list_acts(state: CardState, view: ModelView, words: UiTexts) -> Iterator[tuple[str, str]]:
    """Names of what can be done with it as it stands, and what their buttons say."""
    name, download = state.card.id, view.downloads.get(state.card.id)
    standing = download.state if download else ""
    if standing in ("waiting", "running"):
        yield from (("pause", words.model_pause), ("cancel", words.model_cancel))
    elif standing == "paused":
        yield from (("resume", words.model_resume), ("cancel", words.model_cancel))
    elif state.installed:
        chosen = name in view.in_use | view.next_start | view.indexing.keys()
        if view.trial.is_active and view.trial.name == name:
            yield from [("try_stop", words.model_try_stop)] if view.trial.step != "stopping" else []
            return
        if not chosen and state.fit.fits and not view.exchange.is_active:
            yield from [] if view.trial.is_active else [("use", words.model_use)]  # memory has to hold two, not three
            yield from [("try", words.model_try)] if state.card.kind in SPEAKING else []
        if may_go_back(state, view):
            backs = {"order": words.model_order_back, "space": words.model_space_back}
            yield "packaged", backs.get(choice_of(state), words.model_back)
        if not chosen and not (view.exchange.is_active and view.exchange.name == name):
            yield "remove", words.model_remove_sure if view.removing == name else words.model_remove
    elif state.card.run_by != "server" and state.fit.fits and standing != "stopping":
        yield from _download_acts(state, standing, words)


def may_go_back(state: CardState, view: ModelView) -> bool:
    """Whether what comes along can take its place again: a space once it is searched, others from their choice on."""
    name = state.card.id
    if state.card.kind == "space":
        return name in view.in_use and not view.indexing
    return name in view.in_use | view.next_start and not view.exchange.is_active


def _download_acts(state: CardState, standing: str, words: UiTexts) -> Iterator[tuple[str, str]]:
    if state.card.asks_acceptance:
        yield "accept", words.model_accept
    else:
        yield "download", words.model_again if standing == "failed" else words.model_download
