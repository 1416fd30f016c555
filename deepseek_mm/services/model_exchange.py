"""Another language model takes the place of the one that answers, while people ask; if it cannot, the old one stays.

The new one is opened beside the old one and asked one built-in question, with a picture where it sees. Only then it is
written into the settings and answers, from the next question on; answers under way end with the model they began with.
A program that ends in the middle starts with the old one.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

from PIL import Image as PILImage

from deepseek_mm.accounts.permissions import Caller, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import OUR_LM, PACKAGED_LMS, Config, LMConfig
from deepseek_mm.errors import BadQuestion, Conflict, DeepSeekMMError, explain
from deepseek_mm.hub import Revisions
from deepseek_mm.lm.generator import Generator
from deepseek_mm.models.catalogue import ModelCard, find_by_name
from deepseek_mm.models.speakers import hub_models, open_beside
from deepseek_mm.runtime.memory_tuning import give_back
from deepseek_mm.services.settings_service import ModelService, check_change
from deepseek_mm.settings_file import SettingsFile, Value, with_values
from deepseek_mm.types import Message

SIDE_PX = 96  # of the built-in picture
LOOKS = "Which colour is the square in this picture? Answer in one word."
SPEAKS = "Which colour is a ripe tomato? Answer in one word."
MOST_TOKENS = 12  # of the answer to it
SHOWN = 80  # letters of that answer
Step = Literal["none", "opening", "trying", "done", "failed"]
Opens = Callable[[Config], Generator]
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExchangeState:
    """How the last exchange stands."""

    name: str = ""  # of the model that is to answer
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
    state: ExchangeState = ExchangeState()
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, choice: Mapping[str, Value]) -> ExchangeState:
        """Start to exchange. Conflict while one is under way; ConfigError where the settings do not go together."""
        config = with_values(self.assistant.config, choice)
        with self._lock:
            if self.state.is_active:
                raise Conflict(f"{self.state.name} is being opened. Wait until that has ended")
            self.state = ExchangeState(name=name_of(config.lm), step="opening")
        threading.Thread(target=self._run, args=(config, choice), name="exchange", daemon=True).start()
        return self.state

    def _run(self, config: Config, choice: Mapping[str, Value]) -> None:
        name = name_of(config.lm)
        try:
            lm = self.opens(config)
            self.state = ExchangeState(name=name, step="trying")
            said = try_speaker(lm)
            self.file.write(choice)
            self.assistant.use_language_model(lm, config.lm)
            Revisions(config.data).record(*hub_models(config.lm))
        except Exception as error:  # whatever a model's files make a library raise: the old one goes on to answer
            if not isinstance(error, DeepSeekMMError):
                log.error("the model %s cannot be used", name, exc_info=error)
            told = f"The model before it goes on to answer: {explain(error)}"
            self.state = ExchangeState(name=name, step="failed", message=told)
        else:
            self.state = ExchangeState(name=name, step="done", message=said)
        give_back()


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


def choose_model(name: str) -> dict[str, Value]:
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
        raise BadQuestion(f"{card.id} is no language model: it does not answer. See: models show {card.id}")
    if card.run_by == "server":
        raise BadQuestion(f"{card.id} runs through a server of this machine, such as Ollama. See: models servers")


@requires_by_default("settings")
@dataclass(frozen=True, kw_only=True, slots=True)
class ModelExchangeService:
    """Which language model answers, as callers of this machine choose it."""

    exchange: ModelExchange
    models: ModelService

    @classmethod
    def of(cls, assistant: Assistant, file: SettingsFile, models: ModelService) -> Self:
        """One that opens models as this machine's plan has them."""

        def opens(config: Config) -> Generator:
            assert assistant.planned is not None, "an assistant of the factory has a plan"
            return open_beside(config, assistant.planned.plan)

        return cls(exchange=ModelExchange(assistant=assistant, file=file, opens=opens), models=models)

    def use_model(self, caller: Caller, name: str) -> ExchangeState:
        """Begin to exchange; "deepseek-mm" is the packaged one. BadQuestion, Conflict or Forbidden says why not."""
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
