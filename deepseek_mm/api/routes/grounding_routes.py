"""/detect and /point: boxes around things that are named in free words, and points in their middle."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.request_pictures import PictureDecoder
from deepseek_mm.api.route_parameters import Asker, OurServices, Pictures
from deepseek_mm.api.schemas import Body, BoxOut, Number, Score, Text, Typed
from deepseek_mm.api.task_schemas import Address
from deepseek_mm.errors import BadQuestion
from deepseek_mm.services import Services
from deepseek_mm.services.grounding_service import MOST_THINGS, SURE, DetectedBox, DetectedThing, GroundedPicture

router = APIRouter(tags=["ask"], responses=DECLARED)
Thing = Annotated[Typed, Field(min_length=1, max_length=200)]


class DetectIn(Body):
    """A picture that is sent, or a file of the library, and what to look for in it."""

    picture: Address | None = Field(default=None, description="a data URL; instead of source", examples=[None])
    source: Number = Field(default=0, description="id of a file; instead of picture", examples=[7])
    page: int = Field(
        default=0, ge=0, le=1_000_000_000, description="of a document, from 1; of a video in ms", examples=[0]
    )
    things: list[Thing] = Field(
        default=[], max_length=MOST_THINGS, description="in free words; none: whatever is seen", examples=[["red kite"]]
    )
    min_score: float = Field(default=SURE, ge=0, le=1, description="a less probable thing has no boxes")


class PointIn(DetectIn):
    """The same, and at least one thing."""

    things: list[Thing] = Field(min_length=1, max_length=MOST_THINGS, examples=[["red kite"]])


class DetectedBoxOut(BaseModel):
    """One place of a thing."""

    box_px: BoxOut
    score: Score = Field(description="probability that the thing is there", examples=[0.83])
    exact: bool = Field(description="around one thing; else the extent of all that looks like it")

    @classmethod
    def of(cls, box: DetectedBox) -> Self:
        """As JSON says it."""
        return cls(box_px=list(box.box_px), score=box.score, exact=box.exact)


class ThingOut(BaseModel):
    """What was asked for."""

    thing: Text = Field(description="as it was sent; of what nobody named, its label", examples=["red kite"])
    understood: Text = Field(description="the words that were looked for, in English", examples=["red kite"])
    score: Score = Field(description="probability that the picture shows it", examples=[0.83])

    @classmethod
    def of(cls, found: DetectedThing, **more: object) -> Self:
        """As JSON says it; `more` are the fields of a subclass."""
        return cls.model_validate({"thing": found.asked, "understood": found.understood, "score": found.score} | more)


class DetectedThingOut(ThingOut):
    """With its boxes."""

    boxes: list[DetectedBoxOut] = Field(description="likeliest first")


class PointOut(BaseModel):
    """The middle of one place of a thing."""

    x_px: int = Field(examples=[180])
    y_px: int = Field(examples=[135])
    score: Score = Field(examples=[0.83])

    @classmethod
    def of(cls, box: DetectedBox) -> Self:
        """As JSON says it."""
        x_px, y_px = box.middle_px
        return cls(x_px=x_px, y_px=y_px, score=box.score)


class PointedThingOut(ThingOut):
    """With its points."""

    points: list[PointOut] = Field(description="likeliest first")


class PictureOut(BaseModel):
    """The size of the upright original, in whose pixels boxes and points are."""

    width_px: int = Field(examples=[640])
    height_px: int = Field(examples=[480])


class DetectedOut(PictureOut):
    """Boxes of everything that was asked for, in its order."""

    things: list[DetectedThingOut]

    @classmethod
    def of(cls, found: GroundedPicture) -> Self:
        """As JSON says it."""
        things = [DetectedThingOut.of(each, boxes=list(map(DetectedBoxOut.of, each.boxes))) for each in found.things]
        return cls(width_px=found.size.width_px, height_px=found.size.height_px, things=things)


class PointedOut(PictureOut):
    """Points of everything that was asked for, in its order."""

    things: list[PointedThingOut]

    @classmethod
    def of(cls, found: GroundedPicture) -> Self:
        """As JSON says it."""
        things = [PointedThingOut.of(each, points=list(map(PointOut.of, each.boxes))) for each in found.things]
        return cls(width_px=found.size.width_px, height_px=found.size.height_px, things=things)


@router.post("/detect")
def detect(services: OurServices, pictures: Pictures, asked: DetectIn, caller: Asker) -> DetectedOut:
    """Boxes around the things that are named, with how probable each is; without names, around whatever is seen."""
    return DetectedOut.of(detect_things(services, pictures, asked, caller))


@router.post("/point")
def point(services: OurServices, pictures: Pictures, asked: PointIn, caller: Asker) -> PointedOut:
    """A point in the middle of each place of the things that are named."""
    return PointedOut.of(detect_things(services, pictures, asked, caller))


def detect_things(services: Services, pictures: PictureDecoder, asked: DetectIn, caller: Caller) -> GroundedPicture:
    """What was found. BadQuestion where not exactly one picture is named, else as the service says."""
    if (asked.picture is None) == (not asked.source):
        raise BadQuestion("name one picture: either picture, as a data URL, or source, the id of a file of the library")
    if asked.picture is None:
        return services.grounding.detect_in_source(caller, asked.source, asked.page, asked.things, asked.min_score)
    taken = pictures.take(asked.picture)
    return services.grounding.detect_in_picture(caller, taken.image, taken.size_px, asked.things, asked.min_score)
