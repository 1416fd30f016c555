"""Handlers of the Settings tab, and what is installed here: plain functions, tested without a browser.

What can change at once (`AT_ONCE`) holds from the next question on, what is opened at the start (`AT_START`) from the
next start. Who may change what is said by the services; what a flag or the environment fixes is left out here.
"""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deepseek_mm import (
    Assistant,
    Caller,
    Config,
    DeepSeekMMError,
    LMConfig,
    list_model_servers,
    require_local,
    size_of,
    split_addresses,
    value_of,
)
from ui.edges import ActionResult, Handlers
from ui.library.library_report import in_bytes
from ui.words import UiTexts

AT_ONCE = ("rag.num_regions", "rag.min_certainty", "rag.min_presence", "lm.phrasing")
AT_START = ("lm.name", "lm.url", "lm.sees", "lm.vlm", "encoder.name")
PACKAGED, NO_MODEL, PACKAGED_SPACE = LMConfig().name, "none", Config().encoder.name
PACKAGED_SPACES = (PACKAGED_SPACE, "default", "edge")
HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
MOST_NAMES = 6  # models of a server that are named
Value = bool | int | float | str


class BadChoice(DeepSeekMMError, ValueError):
    """Something was chosen that cannot be opened."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsState:
    """What the tab shows of the settings: those of the next start."""

    values: Mapping[str, Any]  # by dotted name; min_certainty as it works, not 0 for "as fitted"
    fixed: Mapping[str, str]  # dotted name -> why it cannot be chosen here
    model: str  # "packaged", "none", "server", "own" or "sees"
    file: Path  # that keeps them
    next: str = ""  # what the next start will do otherwise, in sentences
    unread: str = ""  # why nothing of the file holds; empty where it can be read


@dataclass(frozen=True, kw_only=True)
class SettingsHandlers(Handlers):
    """Handlers of the Settings tab."""

    def look(self, caller: Caller) -> SettingsState:
        """Everything as it stands, for this caller. ConfigError if a file that this start names cannot be read."""
        settings = self.services.settings.read(caller)
        values = {name: value_of(settings.config, name) for name in (*AT_ONCE, *AT_START)}
        values["rag.min_certainty"] = round(values["rag.min_certainty"] or self.fitted_certainty, 2)
        fixed = {name: self._explain_fixed(caller, settings.origin.get(name, ""), name) for name in values}
        return SettingsState(
            values=values,
            fixed={name: why for name, why in fixed.items() if why},
            model=kind_of(settings.config.lm),
            file=settings.file,
            next=self._next(settings.config, settings.file),
            unread=settings.unread,
        )

    @property
    def fitted_certainty(self) -> float:
        """The certainty that a search needs where nobody chose another."""
        return self.assistant.retriever.search.fitted_certainty

    def certainty(self, value: object) -> str:
        """What a threshold of searches means, as far as that was measured."""
        words, threshold = self.words, _number(value)
        is_fitted = threshold == round(self.fitted_certainty, 2)
        measured = self.assistant.retriever.search.measured_errors
        if measured is None:
            said = words.set_unmeasured.format(value=f"{threshold:.2f}")
        else:
            at = round(self.fitted_certainty, 4) if is_fitted else threshold
            said = words.set_measured.format(
                value=f"{threshold:.2f}",
                claimed=measured.false_answers(at),
                missed=measured.false_refusals(at),
                absent=len(measured.absent),
                there=len(measured.there),
            )
        return f"{said} {words.set_fitted}" if is_fitted else said

    def presence(self, value: object) -> str:
        """What a threshold of answers means."""
        least, sure = _number(value), self.assistant.config.rag.sure
        says = self.words.set_presence_says if least < sure else self.words.set_presence_sure
        return says.format(value=f"{least:.2f}", sure=f"{sure:.2f}")

    def save_answers(
        self, caller: Caller, num_regions: object, certainty: object, presence: object, phrasing: object
    ) -> ActionResult:
        """Keep what holds from the next question on."""

        def save() -> str:
            needed = _number(certainty)
            values: dict[str, Value] = {
                "rag.num_regions": round(_number(num_regions)),
                "rag.min_certainty": 0.0 if needed == round(self.fitted_certainty, 2) else needed,
                "rag.min_presence": _number(presence),
                "lm.phrasing": str(phrasing),
            }
            return self._write(caller, values, self.words.set_saved)

        return self.say(save)

    def defaults(self, caller: Caller) -> ActionResult:
        """The defaults of what `save_answers` keeps."""
        return self.say(lambda: self._write(caller, dict.fromkeys(AT_ONCE), self.words.set_reset))

    def save_models(self, caller: Caller, kind: str, lm: tuple[str, str, bool], checkpoint: str) -> ActionResult:
        """Keep what the next start opens: of the language model address, name and whether it sees, and the space.

        An empty `checkpoint` is the packaged space. No path is looked at for callers who may not choose one.
        """

        def save() -> str:
            require_local(caller, "choose models")
            url, model, sees = lm
            values = self._model(caller, kind, url.strip(), model.strip())
            values["lm.sees"] = sees and kind == "server"
            values["encoder.name"] = self._parse_checkpoint(checkpoint) if checkpoint.strip() else PACKAGED_SPACE
            return self._write(caller, values, self.words.set_kept)

        return self.say(save)

    def try_it(self, caller: Caller, url: str, model: str) -> ActionResult:
        """Ask a server which models it offers."""

        def ask() -> str:
            if not url.strip():
                raise BadChoice(self.words.set_no_url)
            names = self.services.models.list_models(caller, url.strip())
            told = ", ".join(names[:MOST_NAMES])
            if len(names) > MOST_NAMES:
                told = self.words.set_more.format(names=told, count=len(names) - MOST_NAMES)
            if model.strip() and model.strip() not in names:
                raise BadChoice(self.words.set_offers_not.format(name=model.strip(), names=told))
            return self.words.set_offers.format(names=told)

        return self.say(ask)

    @property
    def key(self) -> str:
        """Where a server's key comes from, and whether it is there."""
        name = self.assistant.config.lm.api_key_env
        state = self.words.set_key_there if os.environ.get(name) else self.words.set_key_missing
        return self.words.set_key.format(name=name, state=state)

    def _model(self, caller: Caller, kind: str, url: str, model: str) -> dict[str, Value]:
        """The settings of one way to have a language model; an error says why it cannot be had."""
        empty: dict[str, Value] = {"lm.name": PACKAGED, "lm.url": "", "lm.sees": False, "lm.vlm": ""}
        if kind == "server":
            if not url:
                raise BadChoice(self.words.set_no_url)
            return empty | {"lm.name": model or PACKAGED, "lm.url": self.services.models.check_address(caller, url)}
        if kind == "sees":
            return empty | {"lm.vlm": self._parse_checkpoint(model)}
        names = {"packaged": PACKAGED, "none": NO_MODEL}
        return empty | {"lm.name": names.get(kind) or self._parse_checkpoint(model)}

    def _parse_checkpoint(self, name: str) -> str:
        """A checkpoint's folder, or its hub name. BadChoice if it is neither."""
        name = name.strip().strip("\"'")
        path = Path(name).expanduser()
        if name.startswith(("/", "~", ".")):
            if not path.is_dir():
                raise BadChoice(self.words.set_no_folder.format(path=path))
            return str(path.absolute())
        if not HUB_NAME.fullmatch(name):
            raise BadChoice(self.words.set_no_name.format(name=name or "''"))
        return name

    def _write(self, caller: Caller, values: Mapping[str, Value | None], saved: str) -> str:
        """Keep what is changed, if anything is."""
        if not (changes := self._changes(caller, values)):
            return self.words.set_unchanged
        self.services.settings.change(caller, changes)
        return saved

    def _changes(self, caller: Caller, values: Mapping[str, Value | None]) -> dict[str, Value | None]:
        """Those that differ from what the next start would read, but for what this start fixes.

        BadChoice where the file cannot be read: nothing is written over it.
        """
        settings, changes = self.services.settings.read(caller), {}
        if settings.unread:
            raise BadChoice(settings.unread)
        for name, value in values.items():
            kept = name in settings.origin
            differs = kept if value is None else value != value_of(settings.config, name)
            if differs and not explain_origin(settings.origin.get(name, ""), self.words):
                changes[name] = value
        return changes

    def _explain_fixed(self, caller: Caller, origin: str, name: str) -> str:
        """Why this setting is shown as one that cannot be chosen here, or nothing; the services refuse it anyway."""
        is_open = not caller.local and name not in AT_ONCE
        return explain_origin(origin, self.words) or (self.words.set_fixed_open if is_open else "")

    def _next(self, then: Config, file: Path) -> str:
        """What the next start opens that is not open now."""
        words, now, told = self.words, self.assistant.config, []
        if any(value_of(then, name) != value_of(now, name) for name in AT_START if name.startswith("lm.")):
            by_url = words.set_next_server.format(url=hide_credentials(then.lm.url))
            told.append(by_url if then.lm.url else words.set_next_lm.format(name=then.lm.vlm or then.lm.name))
            needs = {"own": words.set_next_own, "sees": words.set_next_sees}
            told += [needs[kind]] if (kind := kind_of(then.lm)) in needs else []
        if then.encoder.name != now.encoder.name:
            told.append(words.set_next_encoder.format(name=then.encoder.name))
        if not told:
            return ""
        return " ".join([words.set_next.format(what=" ".join(told)), words.set_next_undo.format(file=file)])


def explain_origin(origin: str, words: UiTexts) -> str:
    """Which flag or variable of this start fixes a setting; empty where none does."""
    kind, _, told = origin.partition(" ")
    said = {"environment": words.set_fixed_environment, "flag": words.set_fixed_flag}.get(kind, "")
    return said.format(name=told)


def kind_of(lm: LMConfig) -> str:
    """Which way to have a language model this is."""
    if lm.vlm:
        return "sees"
    if lm.name == NO_MODEL:
        return "none"
    if lm.url:
        return "server"
    return "packaged" if lm.name == PACKAGED else "own"


def hide_credentials(url: str) -> str:
    """An address, or several, without a name or password in them."""
    parts = [urlsplit(address) for address in split_addresses(url)]
    return ", ".join(each._replace(netloc=each.netloc.rpartition("@")[2]).geturl() for each in parts)


def _number(value: object) -> float:
    """A number out of the browser; BadChoice if it is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    raise BadChoice(f"{value!r} is no number. Move the slider, then save")


PACKAGES = ("torch", "gradio", "faiss-cpu")


def facts(assistant: Assistant, settings_file: Path, words: UiTexts) -> list[tuple[str, str]]:
    """Terms and what they are, places included."""
    about, data = assistant.about(), assistant.config.data
    return [
        (words.set_lies, str(data.absolute())),
        (words.set_file, str(settings_file.absolute())),
        (words.size, in_bytes(size_of(data))),
        (words.set_files, about["photos"]),
        (words.regions, about["regions"]),
        (words.set_lm_now, words.say(about["language model"])),
        *tell_servers(assistant, words),
        (words.set_plan, _plan_in(words, assistant) or "—"),
        (words.set_space, f"{about['space']} ({words.set_fingerprint} {about['fingerprint']})"),
        (words.set_machine, words.set_cores.format(system=system(), cores=os.cpu_count())),
        (words.set_threads, _threads(assistant, words)),
        (words.set_version, ", ".join(versions(about["version"]))),
        *((words.set_notice, words.say(notice.text)) for notice in assistant.notices),
    ]


def tell_servers(assistant: Assistant, words: UiTexts) -> list[tuple[str, str]]:
    """How each server of the language model stands; nothing where it runs here."""
    standings = {"up": words.set_lm_server_up, "trial": words.set_lm_server_trial, "down": words.set_lm_server_down}
    return [
        (
            words.set_lm_server.format(name=each.name),
            standings[each.standing].format(under_way=each.in_flight, failed=each.failed),
        )
        for each in list_model_servers(assistant.lm)
    ]


def report(assistant: Assistant) -> str:
    """The same for people who mend this program, in English: no path, no address, no name of a photo, no key."""
    about, config = assistant.about(), assistant.config
    threads = f"encoder {config.encoder.threads}, language model {config.lm.threads}"
    told = {
        "versions": ", ".join(versions(about["version"])),
        "machine": f"{system()}, {os.cpu_count()} cores",
        "threads (0: all)": threads,
        "language model": f"{Path(about['language model']).name}{' on a server' if config.lm.url else ''}",
        "plan": _plan(assistant) or "none",
        "phrasing": config.lm.phrasing_now,
        "space": f"{Path(about['space']).name}, fingerprint {about['fingerprint']}",
        "library": f"{about['photos']} files, {about['regions']} regions, {in_bytes(size_of(config.data))}",
        "regions for each answer": str(config.rag.num_regions),
        "certainty, presence, sure": f"{config.rag.min_certainty}, {config.rag.min_presence}, {config.rag.sure}",
    }
    return "\n".join(f"{name}: {value}" for name, value in told.items())


def versions(own: str) -> list[str]:
    """Of this program, of Python, and of the packages that most depends on."""
    return [f"DeepSeek-MM {own}", f"Python {platform.python_version()}", *(_package(name) for name in PACKAGES)]


def system() -> str:
    """The kind of machine, not its name."""
    return f"{platform.system()} {platform.machine()}"


def _package(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:  # faiss comes under other names too
        return f"{name} ?"


def _plan(assistant: Assistant) -> str:
    """What computes what, and why."""
    planned = assistant.planned
    return " ".join([f"{planned.plan.short}.", planned.plan.reason]) if planned else ""


def _plan_in(words: UiTexts, assistant: Assistant) -> str:
    """What computes what, in the page's language; the reasons are told in English alone, and stand in the report."""
    return (
        _plan(assistant) if words.language == "en" or not assistant.planned else words.say(assistant.planned.plan.short)
    )


def _threads(assistant: Assistant, words: UiTexts) -> str:
    config = assistant.config
    encoder, lm = (str(count or words.set_all) for count in (config.encoder.threads, config.lm.threads))
    return words.set_threads_are.format(encoder=encoder, lm=lm)
