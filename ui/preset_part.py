"""The part "Speed and quality" of the Settings tab: which preset answers, and what each is worth on this machine.

The presets are measured in the background; while that goes on a timer looks how far it is.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

import gradio as gr

from deepseek_mm import Caller, Job
from ui import edges
from ui.edges import ActionResult, Handlers
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import button, heading, hint, line, notice, piece, progress
from ui.settings_handlers import explain_origin
from ui.words import UiTexts

SETTING = "runtime.dial"
LOOK_S = 1.0  # between two looks while it is measured
IN_TURN: dict[str, Any] = {**QUIET, "concurrency_limit": 1, "concurrency_id": "presets"}  # no look undoes a press


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetView:
    """The part as it stands."""

    preset: str
    choices: list[tuple[str, str]] = field(default_factory=list)  # what is said of each, and its name
    fixed: str = ""  # why no other can be chosen
    next_engines: str = ""  # what computes otherwise from the next start on
    job: Job | None = None  # the last measurement

    @property
    def is_busy(self) -> bool:
        """Whether it is measured now."""
        return self.job is not None and not self.job.is_ended


@dataclass(frozen=True, kw_only=True)
class PresetHandlers(Handlers):
    """Chooses a preset, and has all of them measured."""

    def look(self, caller: Caller) -> PresetView:
        """Everything as it stands, for this caller."""
        settings = self.services.settings.read(caller)
        return PresetView(
            preset=settings.config.runtime.dial,
            choices=self.list_choices(),
            fixed=explain_origin(settings.origin.get(SETTING, ""), self.words),
            next_engines=self._tell_engines(caller),
            job=self.services.settings.find_measurement(caller),
        )

    def list_choices(self) -> list[tuple[str, str]]:
        """What each preset costs and is worth on this machine, and its name."""
        planned, words = self.assistant.planned, self.words
        measured = {step.name: asdict(step) for step in planned.presets() if step.seconds} if planned else {}
        numbers = {name: words.dial_measured.format(**step) for name, step in measured.items()}
        names = {"fast": words.dial_fast, "balanced": words.dial_balanced, "best": words.dial_best}
        return [(f"{says}: {numbers.get(name, words.dial_unmeasured)}", name) for name, says in names.items()]

    def save(self, caller: Caller, preset: object) -> ActionResult:
        """Answer by this preset from the next question on."""

        def write() -> str:
            if self.services.settings.read(caller).config.runtime.dial == preset:
                return self.words.set_unchanged
            self.services.settings.change(caller, {SETTING: str(preset)})
            return self.words.set_saved

        return self.say(write)

    def press(self, caller: Caller, act: str) -> ActionResult:
        """Begin to measure, or end it."""
        settings = self.services.settings
        acts = {"measure": settings.measure_presets, "measure_stop": settings.stop_measurement}
        try:
            acts.get(act, lambda caller: None)(caller)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return ActionResult(text=edges.sentence(error, self.words), wrong=True)
        return ActionResult(text="")

    def _tell_engines(self, caller: Caller) -> str:
        changed = self.services.settings.list_changed_engines(caller)
        names = {"image": self.words.dial_pictures, "text": self.words.dial_texts}
        told = [names[tower].format(engine=engine) for tower, engine in changed.items()]
        return self.words.dial_next.format(engines=self.words.join(told)) if told else ""


def render_measurement(view: PresetView, words: UiTexts) -> str:
    """A button that measures; while that goes on how far it is, and a button that ends it."""
    later = hint(view.next_engines) if view.next_engines else ""
    if view.job is not None and view.is_busy:
        bar = progress(words.dial_measure, view.job.done, view.job.total or None)
        far = hint(words.say(view.job.message) or words.dial_begins)
        return f'<div class="job">{bar}{far}</div>{button("measure_stop", "", words.stop)}'
    broke = notice(words.say(view.job.message)) if view.job is not None and view.job.state == "failed" else ""
    return f"{broke}{later}{hint(words.dial_measure_hint)}{button('measure', '', words.dial_measure)}"


@dataclass(frozen=True, kw_only=True)
class PresetPart:
    """Components of the part and their events."""

    handlers: PresetHandlers
    preset: gr.Radio
    said: gr.HTML
    measured: gr.HTML
    timer: gr.Timer

    @classmethod
    def place(cls, handlers: PresetHandlers) -> "PresetPart":
        """Put the part on the page that is being built."""
        words = handlers.words
        piece(heading(words.dial), listens="")
        choices = handlers.list_choices()
        return cls(
            handlers=handlers,
            preset=gr.Radio(choices, value="balanced", label=words.dial_label, info=words.dial_hint),
            said=piece(listens="", visible=False),
            measured=piece(elem_classes="measured"),
            timer=gr.Timer(LOOK_S, active=False),
        )

    def join(self, tab: gr.Tab) -> None:
        """Connect the components with the handlers."""
        outputs = [self.preset, self.said, self.measured, self.timer]
        tab.select(self._show, None, outputs, **IN_TURN)
        self.timer.tick(self._show, None, outputs, **IN_TURN)
        self.preset.input(self._save_preset, self.preset, outputs, **IN_TURN)
        self.measured.click(self._press, None, outputs, **IN_TURN)

    @needs_right("settings")
    def _show(self, request: gr.Request) -> Updates:
        return self.show(caller_of(request))

    def show(self, caller: Caller) -> Updates:
        """Updates for a part that shows everything as it stands."""
        words = self.handlers.words
        try:
            view = self.handlers.look(caller)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return {self.measured: notice(edges.sentence(error, words)), self.timer: gr.Timer(active=False)}
        return {
            self.preset: gr.Radio(
                view.choices, value=view.preset, interactive=not view.fixed, info=view.fixed or words.dial_hint
            ),
            self.measured: render_measurement(view, words),
            self.timer: gr.Timer(active=view.is_busy),
        }

    @needs_right("settings")
    def _save_preset(self, request: gr.Request, preset: object) -> Updates:
        caller = caller_of(request)
        said = self.handlers.save(caller, preset)
        return {**self.show(caller), self.said: line(said)}

    @needs_right("settings")
    def _press(self, request: gr.Request, event: Press) -> Updates:
        """The button that measures, or the one that ends it."""
        caller = caller_of(request)
        said = self.handlers.press(caller, event.act)
        return {**self.show(caller), self.said: line(said if said.text else None)}
