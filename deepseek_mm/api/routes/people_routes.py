"""/people: who is in photos, once somebody has switched that on."""

from typing import Annotated, Self

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, Asker, Librarian, OurServices
from deepseek_mm.api.schemas import Body, Number, Text, Typed
from deepseek_mm.services.people_service import MOST_LETTERS, PeopleState
from index.region import Face, Person

MOST_CHOSEN = 1000  # photos at once
Share = Annotated[float, Field(ge=0, le=1, description="of the upright photo's width or height")]
ShareBox = tuple[Share, Share, Share, Share]


class PersonOut(BaseModel):
    """Somebody whose faces are in photos."""

    id: int
    name: Text = Field(description='"" until somebody has named them', examples=["Anna"])
    sources: int = Field(description="photos", examples=[12])
    cover: int | None = Field(description="the photo with the best of the faces", examples=[7])
    box: ShareBox = Field(description="of that face: left, top, right, bottom")

    @classmethod
    def of(cls, person: Person) -> Self:
        """As JSON says it."""
        cover = person.cover.id if person.cover else None
        return cls(id=person.id, name=person.name, sources=person.sources, cover=cover, box=person.box)


class PeopleOut(BaseModel):
    """How it stands with people."""

    enabled: bool = Field(description="whether faces are read")
    waiting: int = Field(description="photos whose faces were not read yet")
    people: list[PersonOut] = Field(description="those with names, then others with two photos at least")

    @classmethod
    def of(cls, state: PeopleState) -> Self:
        """As JSON says it."""
        return cls(enabled=state.enabled, waiting=state.waiting, people=list(map(PersonOut.of, state.people)))


class FaceOut(BaseModel):
    """A face of a photo."""

    person: int | None = Field(description="null: nobody yet")
    name: Text = Field(description='"" where nobody has said who it is', examples=["Anna"])
    box: ShareBox = Field(description="left, top, right, bottom")
    score: float = Field(description="how sure it is that this is a face, 0 to 1; not calibrated")
    distance: float = Field(description="from the middle of the person's faces: the nearer, the surer")

    @classmethod
    def of(cls, face: Face) -> Self:
        """As JSON says it."""
        return cls(person=face.person or None, name=face.name, box=face.box, score=face.score, distance=face.distance)


class PersonNameIn(Body):
    """What somebody is called."""

    name: Annotated[Typed, Field(min_length=1, max_length=MOST_LETTERS, examples=["Anna"])]


class PersonMergeIn(Body):
    """Who is the same person."""

    other: Number = Field(examples=[8])


class WaitingPhotosOut(BaseModel):
    """How many photos are looked at in the background from now on."""

    waiting: int


class DeletedFacesOut(BaseModel):
    """How many faces were deleted, each with its vector."""

    faces: int


class ToldApartOut(BaseModel):
    """How many faces came to somebody else."""

    faces: int


router = APIRouter(tags=["people"], responses=DECLARED)


@router.get("/people")
def people(services: OurServices, caller: Asker) -> PeopleOut:
    """Who is in photos, and whether faces are read."""
    return PeopleOut.of(services.people.describe_state(caller))


@router.post("/people/enabled")
def switch_on(services: OurServices, caller: Administrator) -> WaitingPhotosOut:
    """Read faces from now on, in the background; their vectors stay in the library's folder on this machine."""
    return WaitingPhotosOut(waiting=services.people.switch_on(caller))


@router.delete("/people/enabled")
def switch_off(services: OurServices, caller: Administrator) -> DeletedFacesOut:
    """Read no faces any more, and delete all that were read, with every vector and name."""
    return DeletedFacesOut(faces=services.people.switch_off(caller))


@router.patch("/people/{person}")
def name_person(services: OurServices, person: Number, asked: PersonNameIn, caller: Librarian) -> PersonOut:
    """Say who somebody is."""
    return PersonOut.of(services.people.name_person(caller, person, asked.name))


@router.post("/people/{person}/merge")
def merge(services: OurServices, person: Number, asked: PersonMergeIn, caller: Librarian) -> PersonOut:
    """The other one is this person: all photos are this one's from now on."""
    return PersonOut.of(services.people.merge_people(caller, person, asked.other))


@router.delete("/people/{person}/photos")
def tell_apart(
    services: OurServices, person: Number,
    sources: Annotated[list[Number], Query(min_length=1, max_length=MOST_CHOSEN)], caller: Librarian,
) -> ToldApartOut:  # fmt: skip
    """In these photos it is somebody else; the photos stay."""
    return ToldApartOut(faces=services.people.tell_apart(caller, person, sources))


@router.delete("/people/{person}")
def remove(services: OurServices, person: Number, caller: Librarian) -> PersonOut:
    """Delete a person with every face and vector; the photos stay."""
    return PersonOut.of(services.people.remove_person(caller, person))


@router.get("/photos/{source}/faces")
def faces(services: OurServices, source: Number, caller: Asker) -> list[FaceOut]:
    """The faces of a photo from left to right, and whose they are."""
    found = services.library.find_source(caller, source)
    return list(map(FaceOut.of, services.people.list_faces(caller, found.id)))
