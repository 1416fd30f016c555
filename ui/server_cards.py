"""Model servers of this machine as HTML: a card for each model, with what it can and the buttons that it allows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from deepseek_mm import ExchangeState, OfferedModel, ServerState, TrialResult
from ui.html import button, hint, notice
from ui.library.library_report import in_bytes
from ui.words import UiTexts

NAMES = {"ollama": "Ollama", "llama.cpp": "llama.cpp", "lm studio": "LM Studio", "vllm": "vLLM"}


@dataclass(frozen=True, kw_only=True, slots=True)
class ServersView:
    """The servers as they stand."""

    servers: Sequence[ServerState] = ()
    in_use: tuple[str, str] = ("", "")  # address and model that answer now
    next_start: tuple[str, str] = ("", "")  # those that the next start opens
    exchange: ExchangeState = ExchangeState()  # of the language model

    @property
    def is_busy(self) -> bool:
        """Whether something changes by itself."""
        return self.exchange.is_active


def render_servers(view: ServersView, words: UiTexts) -> str:
    """All of them, or that there is none; and the button that looks again."""
    again = f'<div class="acts">{button("look", "", words.servers_look)}</div>'
    if not view.servers:
        return hint(words.servers_none) + again
    return "".join(_render_server(state, view, words) for state in view.servers) + again


def _render_server(state: ServerState, view: ServersView, words: UiTexts) -> str:
    server = state.server
    title = words.servers_at.format(kind=NAMES[server.kind], version=server.version, url=server.url)
    cards = "".join(_render_offered(model, state, view, words) for model in server.models)
    return f'<h3>{escape(" ".join(title.split()))}</h3><div class="models">{cards}</div>'


def _render_offered(model: OfferedModel, state: ServerState, view: ServersView, words: UiTexts) -> str:
    """One model."""
    place = (state.server.url, model.name)
    standing = (
        words.server_in_use if place == view.in_use else words.server_next_start if place == view.next_start else ""
    )
    told = f'<b class="standing">{escape(standing)}</b>' if standing else ""
    facts = words.join(tell_facts(model, state.results.get(model.name), words))
    return (
        f'<article class="model" aria-label="{escape(model.name)}"><header><h3>{escape(model.name)}</h3>{told}</header>'
        f"<p>{escape(facts)}</p>{_render_remark(model, words)}{_render_exchange(model, view, words)}"
        f'<div class="acts">{"".join(_buttons(model, place, view, words))}</div></article>'
    )


def tell_facts(model: OfferedModel, result: TrialResult | None, words: UiTexts) -> Iterator[str]:
    """What it can, as a trial showed or else as its server says; how much it reads at a time, and its size."""
    says = {"text": None, "vision": model.sees, "tools": model.uses_tools, "embedding": model.embeds}
    for ability, told in says.items():
        tried = next((trial.works for trial in result.trials if trial.ability == ability), None) if result else None
        if tried is not None:
            shown = words.server_shown if tried else words.server_not_shown
            yield shown.format(ability=name_ability(ability, words))
        elif told:
            yield words.server_has.format(ability=name_ability(ability, words))
    if model.context_tokens:
        yield words.server_context.format(n=model.context_tokens)
    if model.size_bytes:
        yield in_bytes(model.size_bytes)


def name_ability(ability: str, words: UiTexts) -> str:
    """As a card says it."""
    names = {"text": words.server_text, "vision": words.server_vision, "tools": words.server_tools}
    return names.get(ability, words.server_embedding)


def _render_remark(model: OfferedModel, words: UiTexts) -> str:
    if model.remote_host:
        return hint(words.server_elsewhere.format(host=model.remote_host))
    return hint(words.server_vectors_only) if model.embeds else ""


def _render_exchange(model: OfferedModel, view: ServersView, words: UiTexts) -> str:
    """How far it is on its way to answer, or why it does not."""
    exchange = view.exchange
    if exchange.name != model.name:
        return ""
    if exchange.step == "failed":
        return notice(words.say(exchange.message))
    told = {"opening": words.server_opening, "trying": words.server_first}
    return hint(told[exchange.step]) if exchange.step in told else ""


def _buttons(model: OfferedModel, place: tuple[str, str], view: ServersView, words: UiTexts) -> Iterator[str]:
    """What can be done with it as it stands; a press says for which model of which server."""
    if model.remote_host:
        return
    what = " ".join(place)
    if not model.embeds and place not in (view.in_use, view.next_start) and not view.is_busy:
        yield button("use", what, words.server_use, label=f"{words.server_use}: {model.name}", look="small foremost")
    yield button("try", what, words.server_try, label=f"{words.server_try}: {model.name}")
