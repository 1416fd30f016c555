"""Another model takes the place of the one that answers or orders, while people ask; if it cannot, the old one stays.

The new one is opened beside the old one and asked one built-in question, with a picture where it sees; a model that
orders what is found has to prefer a right text to a wrong one. Only then it is written into the settings and works,
from the next question on; answers under way end with the model they began with. A program that ends in the middle
starts with the old one.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from PIL import Image as PILImage

from deepseek_mm.accounts.permissions import Caller, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import OUR_LM, PACKAGED_LMS, Config, LMConfig
from deepseek_mm.errors import BadQuestion, Conflict, DeepSeekMMError, explain
from deepseek_mm.hub import Revisions
from deepseek_mm.lm.generator import Generator, silence
from deepseek_mm.models.catalogue import ModelCard, find_by_name
from deepseek_mm.models.rankers import CODE, PASSAGES, open_ranker, try_ranker
from deepseek_mm.models.speakers import hub_models, open_beside
from deepseek_mm.retrieval.passages import Scorer
from deepseek_mm.runtime.memory_tuning import give_back
from deepseek_mm.services.settings_service import ModelService, check_change
from deepseek_mm.settings_file import SettingsFile, Value, value_of, with_values
from deepseek_mm.types import Message

SIDE_PX = 96  # of the built-in picture
LOOKS = "Which colour is the square in this picture? Answer in one word."
SPEAKS = "Which colour is a ripe tomato? Answer in one word."
MOST_TOKENS = 12  # of the answer to it
SHOWN = 80  # letters of that answer
Step = Literal["none", "opening", "trying", "done", "failed"]
Opens = Callable[[Config], Generator]
OpensRanker = Callable[[str], Scorer | None]
PACKAGED_ORDER = {"packaged-order": PASSAGES, "packaged-code-order": CODE}  # names of what comes along, and settings
STAYS = "The model before it goes on to answer"  # what is said where another one failed
ORDER_STAYS = "The order stays as it was"
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExchangeState:
    """How the last exchange stands."""

    name: str = ""  # of the model that is to answer, or to order
    step: Step = "none"
    message: str = ""  # what it said when it was tried, or why the old one stays

    @property
    def is_active(self) -> bool:
        """Whether it goes on."""
        return self.step in ("opening", "trying")


@dataclass(kw_only=True)
class ModelExchange:
    """One exchange at a time, each in a thread of its own."""

    assistant: Assistant
    file: SettingsFile
    opens: Opens
    opens_ranker: OpensRanker
    state: ExchangeState = ExchangeState()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, choice: Mapping[str, Value]) -> ExchangeState:
        """Start to exchange. Conflict while one is under way; ConfigError where the settings do not go together."""
        config = with_values(self.assistant.config, choice)
        with self._lock:
            if self.state.is_active:
                raise Conflict(f"{self.state.name} is being opened. Wait until that has ended")
            self.state = ExchangeState(name=name_choice(config, choice), step="opening")
        threading.Thread(target=self._run, args=(config, choice), name="exchange", daemon=True).start()
        return self.state

    def _run(self, config: Config, choice: Mapping[str, Value]) -> None:
        name, setting = name_choice(config, choice), ranker_setting(choice)
        try:
            said = self._exchange_ranker(config, setting) if setting else self._exchange_speaker(config, choice)
        except Exception as error:  # whatever a model's files make a library raise: the old one goes on to work
            if not isinstance(error, DeepSeekMMError):
                log.error("the model %s cannot be used", name, exc_info=error)
            told = f"{ORDER_STAYS if setting else STAYS}: {explain(error)}"
            self.state = ExchangeState(name=name, step="failed", message=told)
        else:
            self.state = ExchangeState(name=name, step="done", message=said)
        give_back()

    def _exchange_speaker(self, config: Config, choice: Mapping[str, Value]) -> str:
        """What the new model said. Raises what opening and trying it raise."""
        lm = self.opens(config)
        self.state = replace(self.state, step="trying")
        said = try_speaker(lm)
        self.file.write(choice)
        self.assistant.use_language_model(lm, config.lm)
        Revisions(config.data).record(*hub_models(config.lm))
        return said

    def _exchange_ranker(self, config: Config, setting: str) -> str:
        """The same of the model that orders what this setting says; an empty name is the packaged order."""
        name = str(value_of(config, setting))
        score = self.opens_ranker(name)
        self.state = replace(self.state, step="trying")
        said = try_ranker(score, setting) if score else ""
        self.file.write({setting: name})
        self.assistant.use_reranker(setting, name, score)
        Revisions(config.data).record(*filter(None, [name]))
        return said


def try_speaker(lm: Generator) -> str:
    """What a model says to the built-in question. BadQuestion if it says nothing."""
    picture = PILImage.new("RGB", (SIDE_PX, SIDE_PX), "white")
    picture.paste("red", (SIDE_PX // 4, SIDE_PX // 4, 3 * SIDE_PX // 4, 3 * SIDE_PX // 4))
    asked = LOOKS if lm.sees else SPEAKS
    message = Message(role="user", text=asked, images=(picture,) if lm.sees else ())
    said = "".join(lm.stream([message], max_tokens=MOST_TOKENS, stop=threading.Event())).strip()
    if not said:
        raise BadQuestion(f"it said nothing to {asked!r}. Choose another model, or look into its server's log")
    return f"{asked} {' '.join(said.split())[:SHOWN]}"


def name_of(lm: LMConfig) -> str:
    """What people call the model of these settings."""
    return lm.vlm or lm.name


def ranker_setting(choice: Mapping[str, Value]) -> str:
    """The setting that names a model that orders; "" where a language model is chosen."""
    return next((name for name in (PASSAGES, CODE) if name in choice), "")


def name_choice(config: Config, choice: Mapping[str, Value]) -> str:
    """What people call the model that is chosen, or the packaged order."""
    if not (setting := ranker_setting(choice)):
        return name_of(config.lm)
    packaged = next(name for name, orders in PACKAGED_ORDER.items() if orders == setting)
    return str(choice[setting]) or packaged


def choose_model(name: str) -> dict[str, Value]:
    """The settings by which a model takes the place of another: one that orders what is found, or a language model.

    Raises what `choose_speaker` raises.
    """
    if setting := PACKAGED_ORDER.get(name):
        return {setting: ""}
    card = find_by_name(name)
    return {card.setting: card.id} if card and card.setting in (PASSAGES, CODE) else choose_speaker(name)


def choose_speaker(name: str) -> dict[str, Value]:
    """The settings by which a model answers: the packaged one, or one of the catalogue or of a hub by its name.

    BadQuestion where it only speaks through a server, or does not speak at all.
    """
    card = find_by_name(name)
    if card is not None:
        check_speaks(card)
    plain: dict[str, Value] = {"lm.name": OUR_LM, "lm.url": "", "lm.vlm": "", "lm.sees": False, "lm.bits": "auto"}
    if name in (*PACKAGED_LMS, "none"):
        return plain | {"lm.name": name}
    return plain | ({"lm.vlm": card.id} if card and card.kind == "vlm" else {"lm.name": card.id if card else name})


def choose_server(url: str, model: str, *, sees: bool) -> dict[str, Value]:
    """The settings by which a server's model answers."""
    return {"lm.name": model, "lm.url": url, "lm.vlm": "", "lm.sees": sees, "lm.bits": "auto"}


def check_speaks(card: ModelCard) -> None:
    """BadQuestion for a model that cannot be a library's language model by its name."""
    if card.kind == "space":
        raise BadQuestion(
            f"{card.id} finds pictures, it does not answer. Have the library indexed in it, on the page, or with: "
            f"python -m deepseek_mm index --rebuild --encoder {card.id}"
        )
    if card.kind not in ("lm", "vlm"):
        raise BadQuestion(
            f"{card.id} orders what is found, it does not answer, so it cannot be compared by its answers. "
            f"Use it with: python -m deepseek_mm models use {card.id}"
        )
    if card.run_by == "server":
        raise BadQuestion(f"{card.id} runs through a server of this machine, such as Ollama. See: models servers")


@requires_by_default("settings")
@dataclass(frozen=True, kw_only=True, slots=True)
class ModelExchangeService:
    """Which language model answers and which models order, as callers of this machine choose them."""

    exchange: ModelExchange
    models: ModelService

    @classmethod
    def of(cls, assistant: Assistant, file: SettingsFile, models: ModelService) -> Self:
        """One that opens models as this machine's plan has them."""

        def opens(config: Config) -> Generator:
            assert assistant.planned is not None, "an assistant of the factory has a plan"
            return open_beside(config, assistant.planned.plan)

        def opens_ranker(name: str) -> Scorer | None:
            assert assistant.planned is not None, "an assistant of the factory has a plan"
            find = Revisions(assistant.config.data).pin
            return open_ranker(name, plan=assistant.planned.plan, find=find, say=silence)

        exchange = ModelExchange(assistant=assistant, file=file, opens=opens, opens_ranker=opens_ranker)
        return cls(exchange=exchange, models=models)

    def use_model(self, caller: Caller, name: str) -> ExchangeState:
        """Begin to exchange; "deepseek-mm", "packaged-order" and "packaged-code-order" are what comes along.

        BadQuestion, Conflict or Forbidden says why not.
        """
        return self._begin(caller, choose_model(name))

    def use_server(self, caller: Caller, url: str, model: str, *, sees: bool = False) -> ExchangeState:
        """The same with a model of a server that speaks OpenAI's API."""
        return self._begin(caller, choose_server(self.models.check_address(caller, url), model, sees=sees))

    def find_state(self, caller: Caller) -> ExchangeState:
        """How the exchange stands that was begun last."""
        return self.exchange.state

    def _begin(self, caller: Caller, choice: Mapping[str, Value]) -> ExchangeState:
        origin = self.exchange.file.read().origin
        for name in choice:
            check_change(name, origin, caller)
        return self.exchange.begin(choice)
