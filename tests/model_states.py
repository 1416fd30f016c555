"""Models of a catalogue as they may stand, and downloads of them, for tests of the page."""

from dataclasses import replace
from typing import Any

from deepseek_mm import Caller, CardState, Download, ExchangeState, TrialState, require_local
from deepseek_mm.errors import Conflict, NothingThere
from deepseek_mm.models.catalogue import ModelCard, PublishedFigure
from deepseek_mm.models.downloads import DownloadState
from deepseek_mm.models.fit import Fit

CARD = ModelCard(
    id="owner/seer",
    kind="vlm",
    title="Seer <1B>",
    files=("*.json", "model.safetensors"),
    disk_mb=518,
    parameters_m=256,
    license="Apache-2.0",
    license_url="https://www.apache.org/licenses/LICENSE-2.0",
    good_for="Describes photos and answers questions about them on any machine",
    languages=("en", "mul"),
    replaces="deepseek-mm",
    run_by="transformers",
    figures=(PublishedFigure(name="MMMU (val)", value=38.8, source="https://example.org/seer"),),
)
FIT = Fit(fits=True, reason="needs 1.1 GB of memory, and models have 6.6 GB here", memory_mb=1112, way="bf16")
LARGE = Fit(fits=False, reason="needs 9.6 GB of memory, and models have 6.6 GB here", memory_mb=9584, way="bf16")


def standing(fit: Fit = FIT, *, installed: bool = False, recommended: bool = False, **card: Any) -> CardState:
    """A model as it may stand; `card` are fields of it that are others."""
    return CardState(card=replace(CARD, **card), fit=fit, installed=installed, revision="", recommended=recommended)


def loading(state: DownloadState, name: str = CARD.id, **fields: Any) -> Download:
    """A download of it."""
    known = {"done_bytes": 0, "total_bytes": None, "bytes_per_second": 0.0, "seconds_left": None, "message": ""}
    return Download(job=7, name=name, state=state, **known | fields)


class FakeExchange:
    """The exchange of language models, which notes what is to answer."""

    def __init__(self, state: ExchangeState | None = None) -> None:
        self.state, self.done = state or ExchangeState(), []

    def use_model(self, caller: Caller, name: str) -> ExchangeState:
        require_local(caller, "change lm.name")
        self.done.append(name)
        self.state = ExchangeState(name=name, step="opening")
        return self.state

    def find_state(self, caller: Caller) -> ExchangeState:
        return self.state


class FakeTrial:
    """Trials of language models, one of which is noted at a time."""

    def __init__(self, state: TrialState | None = None) -> None:
        self.state = state or TrialState()

    def try_model(self, caller: Caller, name: str) -> TrialState:
        require_local(caller, "try models")
        if self.state.is_active:
            raise Conflict(f"{self.state.name} is being tried. Wait until that has ended, or stop it")
        self.state = TrialState(name=name, step="asking", total=20)
        return self.state

    def stop_trial(self, caller: Caller) -> TrialState:
        self.state = replace(self.state, step="stopped")
        return self.state

    def find_trial(self, caller: Caller) -> TrialState:
        return self.state


class FakeCatalogue:
    """A catalogue whose downloads are what a test says, and which notes what is done."""

    def __init__(self, *states: CardState, downloads: tuple[Download, ...] = ()) -> None:
        self.states, self.downloads, self.done = states, list(downloads), []

    def list_cards(self, caller: Caller) -> list[CardState]:
        return list(self.states)

    def find_card(self, caller: Caller, name: str) -> CardState:
        for state in self.states:
            if state.card.id == name:
                return state
        raise NothingThere(f"no model {name!r} in the catalogue. See them with: python -m deepseek_mm models list")

    def list_downloads(self, caller: Caller) -> list[Download]:
        return self.downloads

    def start_download(self, caller: Caller, name: str, *, accepted: bool = False) -> Download:
        self.done.append(("accept" if accepted else "start", name))
        self.downloads = [loading("running", name)]
        return self.downloads[0]

    def pause_download(self, caller: Caller, job: int) -> Download:
        return self._note("pause", job)

    def resume_download(self, caller: Caller, job: int) -> Download:
        return self._note("resume", job)

    def cancel_download(self, caller: Caller, job: int) -> Download:
        return self._note("cancel", job)

    def remove_model(self, caller: Caller, name: str) -> int:
        self.done.append(("remove", name))
        return 518_000_000

    def _note(self, act: str, job: int) -> Download:
        self.done.append((act, job))
        return self.downloads[0]
