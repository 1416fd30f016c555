"""The language model that settings name, opened: at a start, and later beside the one that answers."""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial

from deepseek_mm.config import Config, HubConfig, LMConfig, cache_folder
from deepseek_mm.hub import Revisions, in_cache, is_hub_name, without_revision
from deepseek_mm.lm.backends.served_model import add_stand_in
from deepseek_mm.lm.generator import Generator, silence
from deepseek_mm.models.catalogue import MODEL_SETTINGS
from deepseek_mm.models.hub_client import is_offline
from deepseek_mm.models.model_cache import fetch_model
from deepseek_mm.runtime.fast_decoder import PACKED, open_late, open_planned
from deepseek_mm.runtime.memory_tuning import give_back
from deepseek_mm.runtime.planner import Plan
from deepseek_mm.settings_file import value_of

Progress = Callable[[str], None]


def saved_models(config: Config, saved: Collection[str]) -> frozenset[str]:
    """Names of models that the library's own file says, and nobody for this start."""
    return frozenset(str(value_of(config, name)) for name in MODEL_SETTINGS if name in saved)


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedModels:
    """Hub's models that settings name: at the revision that was kept, and fetched if they are named for this start.

    For what is saved no start asks a hub: it may be large, and nobody waits for it now.
    """

    revisions: Revisions
    hub: HubConfig
    saved: Collection[str]
    say: Progress

    def find(self, name: str) -> str:
        """The name to open, with its revision if one was kept. Raises what `fetch_model` raises."""
        pinned = self.revisions.pin(name)
        asks = name not in self.saved and is_hub_name(without_revision(name)) and not is_offline()
        if asks and in_cache(pinned) is None:
            fetch_model(pinned, self.hub, os.environ, self.say)
        return pinned


def open_speaker(config: Config, *, plan: Plan, named: NamedModels, say: Progress) -> tuple[Generator, Plan]:
    """The language model, and what became of the plan."""
    say(f"opening the language model {config.lm.url or config.lm.vlm or config.lm.name}")
    late = open_late(config.lm, plan, cache=cache_folder(), opened=give_back)
    if late is not None:
        late.start()  # beside what else is opened
        return late, plan
    lm, plan = open_planned(pinned_lm(config.lm, named), plan, cache=cache_folder(), progress=say)
    return (add_stand_in(lm, partial(open_packaged, config.lm, plan)) if config.lm.url else lm), plan


def open_packaged(lm: LMConfig, plan: Plan) -> Generator:
    """The packaged model, which speaks where no server does. Raises what `open_planned` raises."""
    packaged = LMConfig(threads=lm.threads)
    late = open_late(packaged, plan, cache=cache_folder(), opened=give_back)
    return late or open_planned(packaged, plan, cache=cache_folder(), progress=silence)[0]


def hub_models(lm: LMConfig) -> tuple[str, ...]:
    """Names of models that may come from a hub; a server's model is the server's."""
    return (lm.vlm,) if lm.vlm else () if lm.url else (lm.name,)


def pinned_lm(lm: LMConfig, named: NamedModels) -> LMConfig:
    """The same models at the revisions that were kept."""
    names = {name: named.find(name) for name in hub_models(lm)}
    return replace(lm, name=names.get(lm.name, lm.name), vlm=names.get(lm.vlm, lm.vlm))


def open_beside(config: Config, plan: Plan) -> Generator:
    """The language model of these settings, while another one answers. No hub is asked: what is not here is an error.

    Raises what `open_planned` raises.
    """
    named = NamedModels(revisions=Revisions(config.data), hub=config.hub, saved=hub_models(config.lm), say=silence)
    fitting = plan if config.lm.trained_here else replace(plan, lm=PACKED)  # a plan's file is of the packaged model
    lm, _ = open_speaker(config, plan=fitting, named=named, say=silence)
    return lm
