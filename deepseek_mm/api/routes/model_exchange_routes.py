"""/models/use: another language model answers, without a new start; the old one stays where it cannot."""

from fastapi import APIRouter
from pydantic import Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, OurServices
from deepseek_mm.api.schemas import Body, Record, Text
from deepseek_mm.services.model_exchange import Step

router = APIRouter(prefix="/models", tags=["Models"], responses=DECLARED)


class UseIn(Body):
    """Which model is to answer."""

    name: str = Field(max_length=500, description='OWNER/MODEL; "deepseek-mm" is the packaged one')
    url: str = Field("", max_length=2_000, description="address of the server that has it; empty for a model here")
    sees: bool = Field(False, description="the server's model looks at pictures")


class ExchangeOut(Record):
    """How the exchange stands that was begun last."""

    name: Text = Field(examples=["HuggingFaceTB/SmolVLM-256M-Instruct"])
    step: Step
    message: Text = Field(description="what it said when it was tried, or why the model before it stays")


@router.post("/use", status_code=202)
def use(services: OurServices, asked: UseIn, caller: Administrator) -> ExchangeOut:
    """Open a model beside the one that answers, ask it something, then let it answer. For callers on this machine."""
    if asked.url:
        return ExchangeOut.of(services.exchange.use_server(caller, asked.url, asked.name, sees=asked.sees))
    return ExchangeOut.of(services.exchange.use_model(caller, asked.name))


@router.get("/use")
def state(services: OurServices, caller: Administrator) -> ExchangeOut:
    """How that stands."""
    return ExchangeOut.of(services.exchange.find_state(caller))
