"""The Settings tab: what can be chosen, how it looks, what is installed here, and the end of it all.

It places the components, and turns what its handlers (`setting`, `shelving.empty`) say and see into updates.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from deepseek_mm import Caller, DeepSeekMMError
from ui import edges
from ui.accounts.account_handlers import AccountHandlers, PeopleHandlers
from ui.accounts.account_part import AccountPart
from ui.accounts.people_part import PeoplePart
from ui.edges import ActionResult
from ui.gateway.events import QUIET, Updates, caller_of, needs_right
from ui.html import choices, copier, heading, hint, line, notice, piece, terms
from ui.library.library_handlers import LibraryHandlers
from ui.model_handlers import ModelHandlers
from ui.models_part import ModelsPart
from ui.preset_part import PresetHandlers, PresetPart
from ui.reliability_part import ReliabilityHandlers, ReliabilityPart
from ui.server_handlers import ServerHandlers
from ui.servers_part import ServersPart
from ui.settings_handlers import (
    PACKAGED,
    PACKAGED_SPACES,
    SettingsHandlers,
    SettingsState,
    facts,
    hide_credentials,
    report,
)
from ui.words import UiTexts

SLIDERS = {"regions": "rag.num_regions", "certainty": "rag.min_certainty", "presence": "rag.min_presence"}
ANSWERS = (*SLIDERS, "phrasing")
NAMED = ("server", "own", "sees")  # ways to have a language model that want its name
MODELS = ("model", "url", "name", "sees", "encoder", "checkpoint")


@dataclass(frozen=True, kw_only=True)
class SettingsTab:
    """Components of the tab and their events."""

    handlers: SettingsHandlers
    library_handlers: LibraryHandlers
    account: AccountPart
    people: PeoplePart
    presets: PresetPart
    reliability: ReliabilityPart
    models: ModelsPart
    servers: ServersPart
    parts: dict[str, Any]  # components by name

    others: gr.Column  # what only those see who may change settings

    @classmethod
    def place(cls, setting: SettingsHandlers, shelving: LibraryHandlers) -> "SettingsTab":
        """Put the tab on the page that is being built."""
        words, services = setting.words, setting.services
        account = AccountPart.place(AccountHandlers(services=services, words=words))
        people = PeoplePart.place(PeopleHandlers(services=services, words=words))
        with gr.Column() as others:
            with gr.Row(elem_classes="halves"):
                with gr.Column(scale=1, min_width=300):
                    parts = _place_answers(words)
                    piece(heading(words.set_look), listens="")
                    piece(choices(words), listens="", elem_classes="looks")
                with gr.Column(scale=1, min_width=300):
                    presets = PresetPart.place(PresetHandlers(services=services, words=words))
                    reliability = ReliabilityPart.place(ReliabilityHandlers(services=services, words=words))
                    parts |= _place_models(words)
            models = ModelsPart.place(ModelHandlers(services=services, words=words))
            servers = ServersPart.place(ServerHandlers(services=services, words=words))
            piece(heading(words.set_about), listens="")
            parts["facts"] = piece(listens="", elem_classes="facts-of-it")
            parts |= _place_end(words)
        return cls(
            handlers=setting, library_handlers=shelving, account=account, people=people, presets=presets,
            reliability=reliability, models=models, servers=servers, parts=parts, others=others,
        )  # fmt: skip

    def join(self, tab: gr.Tab) -> Any:
        """Connect the components with the handlers; returns the event after which the library may be empty."""
        setting, parts = self.handlers, self.parts
        self.account.join(tab, self.others)
        self.people.join(tab)
        self.presets.join(tab)
        self.reliability.join(tab)
        self.models.join(tab)
        self.servers.join(tab)
        tab.select(self._fill, None, list(parts.values()), **QUIET)
        for name, says in (("certainty", setting.certainty), ("presence", setting.presence)):
            explain = partial(_explain, setting.words, says)
            parts[name].change(explain, parts[name], parts[f"{name}_says"], trigger_mode="always_last", **QUIET)
        parts["model"].input(_fields, parts["model"], self._of("url", "name", "sees", "key", "try"), **QUIET)
        parts["encoder"].input(_checkpoint, parts["encoder"], parts["checkpoint"], **QUIET)
        parts["try"].click(self._try, self._of("url", "name"), parts["tried"], **QUIET)
        everything = list(parts.values())
        parts["save"].click(self._save, self._of(*ANSWERS), everything, **QUIET)
        parts["defaults"].click(self._reset, None, everything, **QUIET)
        parts["save_models"].click(self._save_models, self._of(*MODELS), everything, **QUIET)
        outputs = self._of("word", "ended", "emptied")
        return parts["empty"].click(self._empty, parts["word"], outputs, **QUIET)

    @needs_right("settings")
    def _fill(self, request: gr.Request) -> Updates:
        return self.fill(caller_of(request))

    def fill(self, caller: Caller) -> Updates:
        """Updates for a tab that shows everything as it stands."""
        words = self.handlers.words
        try:
            look = self.handlers.look(caller)
            rows = facts(self.handlers.assistant, look.file, words)
            rows += [(words.account_term, words.account_none)] if caller.local else []
            told = terms(rows) + copier(report(self.handlers.assistant), words.set_copy, words.copied)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return {self.parts["said"]: line(ActionResult(text=edges.sentence(error, words), wrong=True))}
        updates = {**self._answers(look), **self._models(look)}
        if look.unread:
            updates["said"] = line(ActionResult(text=words.say(look.unread), wrong=True))
        updates["facts"] = f'{told}<p class="hint">{escape(words.set_copy_hint)}</p>'
        return {self.parts[name]: update for name, update in updates.items()}

    def _answers(self, look: SettingsState) -> dict[str, Any]:
        """Updates of what holds from the next question on."""
        words, values = self.handlers.words, look.values
        infos = (words.set_regions_info, words.set_certainty_info, words.set_presence_info)
        updates: dict[str, Any] = {}
        for (part, name), info in zip(SLIDERS.items(), infos, strict=True):
            fixed = look.fixed.get(name)
            updates[part] = gr.Slider(value=values[name], interactive=fixed is None, info=fixed or info)
        why = look.fixed.get("lm.phrasing")
        updates["phrasing"] = gr.Radio(value=values["lm.phrasing"], interactive=not why, info=why)
        updates["certainty_says"] = hint(self.handlers.certainty(values["rag.min_certainty"]))
        updates["presence_says"] = hint(self.handlers.presence(values["rag.min_presence"]))
        return updates

    def _models(self, look: SettingsState) -> dict[str, Any]:
        """Updates of what the next start opens."""
        values, fixed = look.values, look.fixed
        why = next((fixed[name] for name in ("lm.name", "lm.url", "lm.sees", "lm.vlm") if name in fixed), None)
        named = "" if look.model == "none" or values["lm.name"] == PACKAGED else values["lm.name"]
        own, served = values["encoder.name"] not in PACKAGED_SPACES, look.model == "server"
        locked = fixed.get("encoder.name")
        return {
            "model": gr.Radio(value=look.model, interactive=not why, info=why),
            "url": gr.Textbox(value=hide_credentials(values["lm.url"]), interactive=not why, visible=served),
            "name": gr.Textbox(value=values["lm.vlm"] or named, interactive=not why, visible=look.model in NAMED),
            "sees": gr.Checkbox(value=values["lm.sees"], interactive=not why, visible=served),
            "key": gr.HTML(hint(self.handlers.key), visible=served),
            "try": gr.Button(visible=served and not why),
            "tried": line(None),
            "encoder": gr.Radio(value="own" if own else "packaged", interactive=not locked, info=locked),
            "checkpoint": gr.Textbox(value=values["encoder.name"] if own else "", interactive=not locked, visible=own),
            "next": gr.HTML(hint(look.next), visible=bool(look.next)),
            "save_models": gr.Button(interactive=not (why and locked)),
        }

    @needs_right("settings")
    def _save(self, request: gr.Request, *values: Any) -> Updates:
        caller = caller_of(request)
        return self._report(caller, "said", self.handlers.save_answers(caller, *values))

    @needs_right("settings")
    def _reset(self, request: gr.Request) -> Updates:
        caller = caller_of(request)
        return self._report(caller, "said", self.handlers.defaults(caller))

    @needs_right("settings")
    def _save_models(self, request: gr.Request, *values: Any) -> Updates:
        """Keep what the next start opens; see MODELS for the values."""
        caller, (kind, url, name, sees, encoder, own) = caller_of(request), values
        checkpoint = own.strip() or " ''" if encoder == "own" else ""
        said = self.handlers.save_models(caller, str(kind), (url, name, bool(sees)), checkpoint)
        return self._report(caller, "said_models", said)

    def _report(self, caller: Caller, where: str, said: ActionResult) -> Updates:
        """What was said; and everything as it stands then, unless something is wrong with what was typed."""
        others = {self.parts[name]: line(None) for name in ("said", "said_models")}
        return {**others, **({} if said.wrong else self.fill(caller)), self.parts[where]: line(said)}

    @needs_right("settings")
    def _try(self, request: gr.Request, url: str, name: str) -> Iterator[Any]:
        yield line(ActionResult(text=self.handlers.words.set_trying))
        yield line(self.handlers.try_it(caller_of(request), url, name))

    @needs_right("settings")
    def _empty(self, request: gr.Request, typed: str) -> Updates:
        said = self.library_handlers.empty(caller_of(request), typed)
        word = {} if said.wrong else {self.parts["word"]: ""}
        return {**word, self.parts["ended"]: line(said), self.parts["emptied"]: not said.wrong}

    def _of(self, *names: str) -> list[Any]:
        return [self.parts[name] for name in names]


@needs_right("settings")
def _explain(words: UiTexts, says: Callable[[object], str], value: object) -> str:
    """The sentence under a slider."""
    try:
        return hint(says(value))
    except DeepSeekMMError as error:  # a slider that was emptied
        return notice(edges.sentence(error, words))


@needs_right("page")
def _fields(kind: str) -> list[Any]:
    """Which fields one way to have a language model needs: address, name, sees, key, try."""
    server = kind == "server"
    shown_ = [server, kind in NAMED, server, server, server]
    makes = (gr.Textbox, gr.Textbox, gr.Checkbox, gr.HTML, gr.Button)
    return [make(visible=visible) for make, visible in zip(makes, shown_, strict=True)]


@needs_right("page")
def _checkpoint(kind: str) -> Any:
    return gr.Textbox(visible=kind == "own")


def _place_answers(words: UiTexts) -> dict[str, Any]:
    """What holds from the next question on."""
    piece(heading(words.set_answers), listens="")
    slider = partial(gr.Slider, buttons=[])  # its own reset knows nothing of what is saved
    parts: dict[str, Any] = {
        "regions": slider(1, 64, step=1, label=words.set_regions),
        "certainty": slider(0.01, 0.99, step=0.01, label=words.set_certainty),
        "certainty_says": piece(listens="", elem_classes="says"),
        "presence": slider(0, 1, step=0.01, label=words.set_presence),
        "presence_says": piece(listens="", elem_classes="says"),
        "phrasing": gr.Radio(
            [
                (words.set_phrasing_auto, "auto"),
                (words.set_phrasing_claims, "claims"),
                (words.set_phrasing_free, "free"),
                (words.set_phrasing_none, "none"),
            ],
            value="auto",
            label=words.set_phrasing,
        ),
    }
    with gr.Row():
        parts["save"] = gr.Button(words.set_save, variant="primary", size="sm", min_width=120)
        parts["defaults"] = gr.Button(words.set_defaults, size="sm", min_width=120)
    return parts | {"said": piece(listens="", visible=False)}


def _place_models(words: UiTexts) -> dict[str, Any]:
    """What is opened at the start."""
    piece(heading(words.set_models) + hint(words.set_models_hint), listens="")
    models = {
        "packaged": words.set_lm_packaged,
        "none": words.set_lm_none,
        "server": words.set_lm_server,
        "own": words.set_lm_own,
        "sees": words.set_lm_sees,
    }
    parts: dict[str, Any] = {
        "model": gr.Radio([(text, kind) for kind, text in models.items()], value="packaged", label=words.set_lm),
        "url": gr.Textbox(label=words.set_url, placeholder=words.set_url_hint, max_lines=1, visible=False),
        "name": gr.Textbox(label=words.set_model, placeholder=words.set_model_hint, max_lines=1, visible=False),
        "sees": gr.Checkbox(label=words.set_sees, visible=False),
        "key": piece(listens="", visible=False),
        "try": gr.Button(words.set_try, size="sm", visible=False),
        "tried": piece(listens="", visible=False),
        "encoder": gr.Radio(
            [(words.set_encoder_default, "packaged"), (words.set_encoder_own, "own")],
            value="packaged",
            label=words.set_encoder,
        ),
        "checkpoint": gr.Textbox(label=words.set_checkpoint, max_lines=1, visible=False),
        "save_models": gr.Button(words.set_save_models, variant="primary", size="sm"),
        "said_models": piece(listens="", visible=False),
    }
    return parts | {"next": piece(listens="", visible=False)}


def _place_end(words: UiTexts) -> dict[str, Any]:
    """Where everything can be deleted."""
    parts: dict[str, Any] = {"emptied": gr.State(False)}
    with gr.Accordion(words.empty_all, open=False):
        piece(hint(words.empty_hint.format(word=words.empty_word)), listens="")
        parts["word"] = gr.Textbox(label=words.empty_sure, max_lines=1)
        parts["empty"] = gr.Button(words.empty_all, variant="stop", size="sm")
    return parts | {"ended": piece(listens="", visible=False)}
