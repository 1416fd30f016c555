"""/history/.../inspection: what happened inside an answer, as values and as one picture."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, OurServices
from deepseek_mm.api.routes.library_routes import download
from deepseek_mm.api.schemas import Number, Record, Score, Text
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.lm.expert_trace import ExpertTrace, Stage
from deepseek_mm.services.inspection_picture import draw_inspection
from deepseek_mm.services.inspection_service import InspectedLook, InspectedText, Inspection, Wording

SVG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/svg+xml": {}}}}
MAP_DIGITS = 5  # of a cell's share of all looks


class ExpertOut(Record):
    """An expert of the model."""

    name: Text = Field(examples=["witness"])
    domain: Text = Field(description="what it is meant for", examples=["evidence"])
    width: int = Field(examples=[288])
    activation: str = Field(examples=["gelu"])


class TokenOut(Record):
    """A token that the model wrote."""

    text: Text = Field(examples=[" kite"])
    chance: Score = Field(description="with which the model gave it")
    experts: list[list[int]] = Field(description="for each of `layers` numbers of experts, the strongest first")
    weights: list[list[Score]] = Field(description="of their answers, which sum to 1 in each layer")


class ReachOut(Record):
    """How far a layer sees."""

    number: int
    stage: Stage
    window: int = Field(description="tokens, the own one included; 0 where it has no window", examples=[32])
    sinks: int = Field(description="first tokens that stay visible beyond it", examples=[32])
    blocks: int = Field(description="blocks of 32 tokens that it chooses; 0 where it does not choose")
    seen: int = Field(description="tokens that the last one of the text could see")
    has_experts: bool


class RunOut(BaseModel):
    """A text of the model, run once more."""

    experts: list[ExpertOut]
    layers: list[int] = Field(description="that have experts", examples=[[20, 23, 26, 29]])
    tokens: list[TokenOut]
    prompt_tokens: int
    agreement: Score = Field(description="share of the visits to experts that were noted when it answered")

    @classmethod
    def of(cls, trace: ExpertTrace) -> Self:
        """As JSON says it."""
        return cls(
            experts=[ExpertOut.of(spec) for spec in trace.experts],
            layers=list(trace.layers),
            tokens=[TokenOut.of(token) for token in trace.tokens],
            prompt_tokens=trace.prompt_tokens,
            agreement=trace.agreement,
        )


class WrittenOut(BaseModel):
    """What the model wrote after one prompt."""

    text: Text
    shown: bool = Field(description="some of it stands in the answer")
    shares: dict[str, Score] = Field(description="of each expert in all visits, as noted when it answered")
    run: RunOut | None = Field(description="null: it cannot be run again")

    @classmethod
    def of(cls, text: InspectedText) -> Self:
        """As JSON says it."""
        run = RunOut.of(text.trace) if text.trace else None
        return cls(text=text.text, shown=text.shown, shares=dict(text.shares), run=run)


class LookOut(BaseModel):
    """Where the reader of photos looked."""

    question: Text = Field(description="as the reader was asked")
    path: Text
    maps: list[list[list[float]]] = Field(description="for each layer rows of cells, which sum to 1")
    by_layer: bool = Field(description="false: one map of all layers, which was kept")
    agreement: Score | None = Field(description="how much of the map noted then this one covers; null: none was noted")

    @classmethod
    def of(cls, look: InspectedLook) -> Self:
        """As JSON says it."""
        maps = look.map.layers_LGG.astype(float).round(MAP_DIGITS).tolist()
        return cls(
            question=look.question,
            path=look.source.path,
            maps=maps,
            by_layer=look.by_layer,
            agreement=look.agreement,
        )


class InspectionOut(BaseModel):
    """What happened inside an answer."""

    turn: int
    wording: Wording = Field(description="who wrote the words, and whether that can be shown")
    model: Text = Field(description="that phrased it; empty where all words are the program's own")
    texts: list[WrittenOut]
    reaches: list[ReachOut] = Field(description="of the model's layers")
    look: LookOut | None = Field(description="null: the reader was not asked")

    @classmethod
    def of(cls, told: Inspection) -> Self:
        """As JSON says it."""
        return cls(
            turn=told.turn,
            wording=told.wording,
            model=told.model,
            texts=list(map(WrittenOut.of, told.texts)),
            reaches=[ReachOut.of(reach) for reach in told.reaches],
            look=LookOut.of(told.look) if told.look else None,
        )


ONE = "/history/{conversation}/turns/{turn}/inspection"
Turn = Annotated[Number, Field(description="an answer of this conversation")]
router = APIRouter(tags=["history"], responses=DECLARED)


@router.get(ONE)
def inspect(services: OurServices, conversation: Number, turn: Turn, caller: Asker) -> InspectionOut:
    """Which experts of the model worked on which word, how far each layer sees, and where the reader of photos looked.

    What was written is run once more for it, and compared with what was noted when it answered.
    """
    return InspectionOut.of(services.inspection.inspect(caller, conversation, turn))


@router.get(f"{ONE}/picture", responses=SVG, response_class=Response)
def draw(request: Request, services: OurServices, conversation: Number, turn: Turn, caller: Asker) -> Response:
    """The same as one SVG: the words in the colours of their experts, the layers, the heat maps over the photo."""
    told = services.inspection.inspect(caller, conversation, turn)
    try:
        photo = request.app.state.assistant.picture(told.look.source) if told.look else None
    except (BadFile, NothingThere):  # the photo is gone: the picture does without
        photo = None
    return download(draw_inspection(told, photo).encode(), f"answer-{turn}.svg", "image/svg+xml")
