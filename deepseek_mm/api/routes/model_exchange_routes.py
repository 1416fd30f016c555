"""/models/use and /models/spaces: another language model answers, and files are indexed in another vector space."""

from fastapi import APIRouter
from pydantic import Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, OurServices
from deepseek_mm.api.schemas import Body, JobOut, Record, Text
from deepseek_mm.services.model_exchange import Step
from deepseek_mm.services.model_trial import Step as TrialStep

NAMES = 'OWNER/MODEL; "deepseek-mm", "packaged-order" and "packaged-code-order" are what comes along'
router = APIRouter(prefix="/models", tags=["Models"], responses=DECLARED)


class UseIn(Body):
    """Which model is to answer, or to order what is found."""

    name: str = Field(max_length=500, description=NAMES)
    url: str = Field("", max_length=2_000, description="address of the server that has it; empty for a model here")
    sees: bool = Field(False, description="the server's model looks at pictures")


class ExchangeOut(Record):
    """How the exchange stands that was begun last."""

    name: Text = Field(examples=["HuggingFaceTB/SmolVLM-256M-Instruct"])
    step: Step
    message: Text = Field(description="what it said when it was tried, or why the model before it stays")


@router.post("/use", status_code=202)
def use(services: OurServices, asked: UseIn, caller: Administrator) -> ExchangeOut:
    """Open a model beside the one that answers or orders, try it, then let it do so. For callers on this machine."""
    if asked.url:
        return ExchangeOut.of(services.exchange.use_server(caller, asked.url, asked.name, sees=asked.sees))
    return ExchangeOut.of(services.exchange.use_model(caller, asked.name))


@router.get("/use")
def state(services: OurServices, caller: Administrator) -> ExchangeOut:
    """How that stands."""
    return ExchangeOut.of(services.exchange.find_state(caller))


class SpaceIn(Body):
    """Which vector space is to be searched."""

    name: str = Field(max_length=500, description="OWNER/MODEL, a folder, or a packaged space: default, edge")


class SpaceOut(Record):
    """The index of the library in one vector space."""

    name: Text = Field(description="of its folder: the space and the begin of its fingerprint")
    size_bytes: int
    in_use: bool = Field(description="it is searched now")


class FreedOut(Record):
    """What a removal brought."""

    freed_bytes: int


class ComparisonIn(Body):
    """Which model is compared with the one that answers."""

    name: str = Field(max_length=500, examples=["HuggingFaceTB/SmolVLM-256M-Instruct"])


class ComparedAnswerOut(Record):
    """What one model answers."""

    text: Text
    seconds: float
    right: bool


class ComparedRowOut(Record):
    """One question with both answers."""

    ask: Text
    photo: Text
    present: ComparedAnswerOut
    other: ComparedAnswerOut


class ComparisonOut(Record):
    """How the last comparison stands."""

    name: Text
    step: TrialStep
    total: int = Field(description="questions")
    rows: list[ComparedRowOut] = Field(description="those that both have answered")
    scores: tuple[int, int] = Field(description="right answers of the model that answers here, and of the other")
    seconds: tuple[float, float] = Field(description="what an answer takes of each: the median")
    message: Text = Field(description="why it ended early")


@router.post("/try", status_code=202)
def try_model(services: OurServices, asked: ComparisonIn, caller: Administrator) -> ComparisonOut:
    """Ask both models the same: twenty questions of our own, and those that were put right in this library."""
    return ComparisonOut.of(services.trial.try_model(caller, asked.name))


@router.get("/try")
def trial(services: OurServices, caller: Administrator) -> ComparisonOut:
    """How that stands."""
    return ComparisonOut.of(services.trial.find_trial(caller))


@router.delete("/try")
def stop_trial(services: OurServices, caller: Administrator) -> ComparisonOut:
    """End it; an answer under way is cut short, and its question does not count."""
    return ComparisonOut.of(services.trial.stop_trial(caller))


@router.get("/spaces")
def spaces(services: OurServices, caller: Administrator) -> list[SpaceOut]:
    """Every index of the library."""
    return [SpaceOut.of(each) for each in services.spaces.list_spaces(caller)]


@router.post("/spaces", status_code=202)
def change_space(services: OurServices, asked: SpaceIn, caller: Administrator) -> JobOut:
    """Index every file in another space, while the old one is searched: a job. Then the new one is."""
    return JobOut.of(services.spaces.change_space(caller, asked.name))


@router.delete("/spaces/{name}")
def remove_space(services: OurServices, name: str, caller: Administrator) -> FreedOut:
    """Delete an index that is not searched."""
    return FreedOut(freed_bytes=services.spaces.remove_space(caller, name))
