"""/library/access: whose collections are, and who may see what is in them."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field

from deepseek_mm.accounts.records import Visibility
from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Asker, Librarian, OurServices
from deepseek_mm.api.schemas import Body, Text, Typed
from deepseek_mm.services.collection_service import OwnedCollection

NAME_CHARS = 200  # of a collection
PERSON_CHARS = 40
MOST_READERS = 100
SEEN_BY = "by all of the house, by its owner and the readers, or by its owner alone"


class CollectionOut(BaseModel):
    """A collection with whose it is."""

    name: Text = Field(examples=["Summer"])
    sources: int = Field(examples=[3])
    owner: Text = Field(description='name of a person; "" is the house', examples=["Anna"])
    visibility: Visibility = Field(description=f"seen {SEEN_BY}")
    readers: list[Text] = Field(description="names of people; of collections of your own", examples=[["Ben"]])
    is_own: bool = Field(description="whether you may say who sees it")

    @classmethod
    def of(cls, each: OwnedCollection) -> Self:
        """As JSON says it."""
        return cls.model_validate(each, from_attributes=True)


class CollectionAccessIn(Body):
    """Who may see a collection."""

    name: Annotated[Typed, Field(min_length=1, max_length=NAME_CHARS, examples=["Summer"])]
    visibility: Visibility = Field(description=f"seen {SEEN_BY}", examples=["house"])
    readers: list[Annotated[Typed, Field(min_length=1, max_length=PERSON_CHARS)]] = Field(
        default=[], max_length=MOST_READERS, description="names of people, where it is shared", examples=[[]]
    )
    owner: Annotated[Typed, Field(max_length=PERSON_CHARS)] = Field(
        default="", description="whose it is; for the person of this machine alone", examples=[""]
    )


router = APIRouter(tags=["library"], responses=DECLARED)


@router.get("/library/access")
def list_access(services: OurServices, caller: Asker) -> list[CollectionOut]:
    """The collections that you may see, with whose they are."""
    return list(map(CollectionOut.of, services.collections.list_access(caller)))


@router.post("/library/access")
def change_access(services: OurServices, asked: CollectionAccessIn, caller: Librarian) -> CollectionOut:
    """Say who may see a collection; one that is the house's is yours from then on, also before anything is in it."""
    said = services.collections.change_access(
        caller, asked.name, visibility=asked.visibility, readers=asked.readers, owner=asked.owner
    )
    return CollectionOut.of(said)
