"""What the last word in the search box may become, or an `@` in a question about code; and what the box consists of."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.answering.code.coder import questions_to_try
from deepseek_mm.answering.code.questions import mentions
from deepseek_mm.assistant import Assistant
from deepseek_mm.language.search_syntax import Suggestion, search_parts, search_without, suggest
from deepseek_mm.records import About
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.who import needs
from deepseek_mm.serve.wire import Text, Typed
from index import LIBRARY

LABELS = 200  # the commonest, that are proposed
Box = Annotated[Typed, Query(max_length=500, description="what stands in the box", examples=["a dog ty"])]


class SuggestionOut(BaseModel):
    """One thing that could be meant."""

    text: Text = Field(description="the whole box, if it is taken", examples=["a dog type:"])
    insert: Text = Field(description="what takes the place of the unfinished word", examples=["type:"])
    help: Text = Field(examples=["only files of this type"])


class PartOut(BaseModel):
    """An operator, exact words, or what is taken away."""

    name: Text = Field(description='of the operator; or "exact", "away"', examples=["type"])
    value: Text = Field(examples=["pdf"])
    text: Text = Field(description="as it stands in the box", examples=["type:pdf"])
    rest: Text = Field(description="the box without it", examples=["a dog"])


def complete_routes(assistant: Assistant) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["ask"], responses=DECLARED)

    @router.get("/search/complete")
    def complete(
        caller: Annotated[Caller, needs("ask")], text: Box = "", about: About = "photos"
    ) -> list[SuggestionOut]:
        """Operators, and behind a colon their values: those of this library, too. About code: `@file` and `@name`, or
        whole questions to begin with where the box is empty.
        """
        store = assistant.store
        if about == "code":
            tried = (
                [Suggestion(text=each, insert=each, help="") for each in questions_to_try(store)] if not text else []
            )
            return shown(tried or mentions(text, store))
        known = {
            "in": [name for name in store.collections() if name != LIBRARY],
            "label": [label.name for label in store.labels(LABELS)],
        }
        return shown(suggest(text, known=known))

    @router.get("/search/parts")
    def parts(caller: Annotated[Caller, needs("ask")], text: Box = "") -> list[PartOut]:
        """What bounds the search that stands in the box, in its order; what is wrong with it `POST /search` says."""
        return [
            PartOut(name=part.name, value=part.value, text=part.text, rest=search_without(text, part.text))
            for part in search_parts(text)
        ]

    return router


def shown(found: list[Suggestion]) -> list[SuggestionOut]:
    """As JSON says them."""
    return [SuggestionOut(text=each.text, insert=each.insert, help=each.help) for each in found]
