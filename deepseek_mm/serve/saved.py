"""/search/saved: searches under names, each caller's own. They are made with POST /search, their filters in `where`."""

from dataclasses import dataclass

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.history import Saved
from deepseek_mm.history.saved import NAME_CHARS, TEXT_CHARS
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.route_parameters import SearchFilterIn
from deepseek_mm.serve.schemas import Number, Text, Typed
from deepseek_mm.serve.who import Me
from deepseek_mm.services import Services


class SavedIn(BaseModel):
    """A search to be kept."""

    model_config = ConfigDict(extra="forbid")

    name: Typed = Field(max_length=NAME_CHARS, examples=["dogs on the beach"])
    text: Typed = Field(default="", max_length=TEXT_CHARS, examples=["a dog on a beach"])
    filters: SearchFilterIn = SearchFilterIn()


class SavedOut(BaseModel):
    """One that is kept."""

    id: int
    name: Text
    text: Text
    filters: dict[str, Text] = Field(description="those that say something", examples=[{"since": "2024"}])

    @classmethod
    def of(cls, saved: Saved) -> "SavedOut":
        """As JSON says it."""
        return cls(id=saved.id, name=saved.name, text=saved.text, filters=dict(saved.filters))


@dataclass(frozen=True, kw_only=True)
class SavedSearchEndpoints:
    """Keeps searches."""

    services: Services

    def list_searches(self, caller: Me) -> list[SavedOut]:
        """The caller's, by name."""
        return [SavedOut.of(each) for each in self.services.history.list_searches(caller)]

    def save(self, asked: SavedIn, caller: Me) -> SavedOut:
        """Keep a search, in place of the one of that name."""
        filters = {name: str(value) for name, value in asked.filters.model_dump().items()}
        return SavedOut.of(self.services.history.save_search(caller, asked.name, asked.text, filters))

    def forget(self, saved: Number, caller: Me) -> None:
        """Forget one."""
        self.services.history.forget_search(caller, saved)


def saved_routes(services: Services) -> APIRouter:
    """/search/saved."""
    keeping, router = SavedSearchEndpoints(services=services), APIRouter(tags=["ask"], responses=DECLARED)
    router.get("/search/saved", name="listed")(keeping.list_searches)
    router.post("/search/saved", status_code=201)(keeping.save)
    router.delete("/search/saved/{saved}", status_code=204)(keeping.forget)
    return router
