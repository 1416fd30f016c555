"""/models/servers: model servers of this machine, such as Ollama, and a small trial of what their models can."""

from dataclasses import asdict
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, OurServices
from deepseek_mm.api.schemas import Body, Record, Text, Typed
from deepseek_mm.models.loopback_client import ServerKind
from deepseek_mm.models.server_trials import Ability, ServerState, TrialResult


class AbilityOut(Record):
    """One thing that a model was asked to do."""

    ability: Ability
    works: bool
    seconds: float = Field(description="that it took, the loading of the model included")
    said: Text = Field(description="what it did, or why it did not", examples=["'Magenta.'"])


class TrialOut(BaseModel):
    """What a model could do when it was tried."""

    url: str
    model: Text
    tried_at: str = Field(description="ISO 8601, UTC")
    trials: list[AbilityOut]

    @classmethod
    def of(cls, result: TrialResult) -> Self:
        """As JSON says it."""
        return cls.model_validate(asdict(result))


class OfferedOut(BaseModel):
    """A model of a server, and what the server says of it; null where it does not say."""

    name: Text = Field(examples=["qwen2.5vl:3b"])
    sees: bool | None = Field(description="looks at pictures")
    uses_tools: bool | None
    embeds: bool | None = Field(description="gives vectors instead of words")
    context_tokens: int = Field(description="that a question and its answer may have together; 0 is unknown")
    size_bytes: int = Field(description="on disk; 0 is unknown")
    remote_host: Text = Field(description="where the server passes questions on to; empty where the model runs here")
    tried: TrialOut | None


class ModelServerOut(BaseModel):
    """A server of this machine."""

    kind: ServerKind
    url: str = Field(description="as lm.url takes it", examples=["http://127.0.0.1:11434/v1"])
    version: Text
    models: list[OfferedOut]

    @classmethod
    def of(cls, state: ServerState) -> Self:
        """As JSON says it."""
        return cls.model_validate(state.as_json())


class ModelServersOut(BaseModel):
    """All that are there."""

    servers: list[ModelServerOut]


class TrialIn(Body):
    """A model to try."""

    url: Annotated[Typed, Field(min_length=1, max_length=200, examples=["http://127.0.0.1:11434/v1"])]
    model: Annotated[Typed, Field(min_length=1, max_length=200, examples=["qwen2.5vl:3b"])]


router = APIRouter(prefix="/models/servers", tags=["models"], responses=DECLARED)


@router.get("")
def servers(services: OurServices, caller: Administrator) -> ModelServersOut:
    """Who listens on the usual ports of Ollama, llama.cpp, LM Studio and vLLM; none for callers from elsewhere."""
    return ModelServersOut(servers=[ModelServerOut.of(state) for state in services.catalogue.list_servers(caller)])


@router.post("/try")
def try_server(services: OurServices, asked: TrialIn, caller: Administrator) -> TrialOut:
    """Ask a model for a word, the colour of a picture, and a tool. For callers on this machine only."""
    return TrialOut.of(services.catalogue.try_server_model(caller, asked.url, asked.model))
