"""A user's own rules over the photos: read, kept, and checked, with the boxes that explain each."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.answering.scene_programs import Checked, Held
from deepseek_mm.api.route_parameters import needs
from deepseek_mm.api.schemas import BoxOut, RegionOut, Text, Typed
from deepseek_mm.logic.rules import FORM, Rule, rules_of
from deepseek_mm.services import Services
from deepseek_mm.shapes import held_shape, rule_shape
from index import LIBRARY

MOST_CHARS = 200_000  # of a text of rules
Rules = Annotated[Typed, Field(max_length=MOST_CHARS, examples=[FORM])]


class RuleOut(BaseModel):
    """A line of the rules."""

    line: int
    kind: Literal["warn", "note"]
    text: Text = Field(examples=["careful"])
    by_absence: bool = Field(description="it holds as far as boxes tell: what has none may be there")


class RulesOut(BaseModel):
    """The rules that are kept."""

    text: Text = Field(examples=[FORM])
    rules: list[RuleOut]


class RulesIn(BaseModel):
    """Rules, one a line."""

    model_config = ConfigDict(extra="forbid")

    text: Rules


class CheckIn(BaseModel):
    """What to check, and where."""

    model_config = ConfigDict(extra="forbid")

    text: Rules | None = Field(default=None, description="null is what is kept")
    collection: Annotated[Typed, Field(max_length=200)] = Field(default="", description="empty is the whole library")
    engine: Literal["own", "clingo"] = Field(default="own", deprecated=True, description="has no effect")
    most: int = Field(default=24, ge=0, le=500, description="photos that are told of each rule")


class BoxedOut(BaseModel):
    """A box that a rule rests on."""

    label: Text
    box_px: BoxOut


class HeldOut(RuleOut):
    """A rule that holds in a photo, and why: the boxes of its conditions; none for what is not there."""

    boxes: list[BoxedOut]


class CaseOut(BaseModel):
    """A photo in which rules hold."""

    photo: RegionOut
    held: list[HeldOut]


class SumOut(RuleOut):
    """A rule, and in how many photos it holds."""

    photos: int


class CheckedOut(BaseModel):
    """What the rules found."""

    photos: int = Field(description="that were checked")
    rules: list[SumOut]
    cases: list[CaseOut] = Field(description="photos in the order in which they came, at most `most` of each rule")


@dataclass(frozen=True, kw_only=True)
class RuleEndpoints:
    """Keeps rules, and checks them."""

    services: Services

    def read(self, caller: Annotated[Caller, needs("ask")]) -> RulesOut:
        """What is kept; empty at first."""
        text = self.services.rules.read(caller)
        return RulesOut(text=text, rules=to_rules(text))

    def write(self, asked: RulesIn, caller: Annotated[Caller, needs("library")]) -> RulesOut:
        """Keep these, if all of them can be understood."""
        rules = self.services.rules.write(caller, asked.text)
        return RulesOut(text=asked.text, rules=[RuleOut(**rule_shape(rule)) for rule in rules])

    def check(self, asked: CheckIn, caller: Annotated[Caller, needs("ask")]) -> CheckedOut:
        """In which photos each rule holds, and by which boxes. Nothing is kept."""
        text = self.services.rules.read(caller) if asked.text is None else asked.text
        rules = rules_of(text.splitlines())
        every = self.services.rules.check(caller, rules, collection=asked.collection or LIBRARY)
        return to_checked(rules, every, asked.most)


def to_rules(text: str) -> list[RuleOut]:
    """The rules of a text. BadProgram points at what is wrong."""
    return [RuleOut(**rule_shape(rule)) for rule in rules_of(text.splitlines())]


def to_checked(rules: Sequence[Rule], every: Iterable[Checked], most: int) -> CheckedOut:
    """All photos counted, the first ones told."""
    counts: Counter[Rule] = Counter()
    cases, photos = list[CaseOut](), 0
    for checked in every:
        photos += 1
        new = [held for held in checked.held if counts[held.rule] < most]
        counts.update(held.rule for held in checked.held)
        cases += [CaseOut(photo=RegionOut.of(checked.photo), held=list(map(to_held, new)))] if new else []
    sums = [SumOut(**rule_shape(rule), photos=counts[rule]) for rule in rules]
    return CheckedOut(photos=photos, rules=sums, cases=cases)


def to_held(held: Held) -> HeldOut:
    """As JSON says it."""
    shape: dict[str, Any] = held_shape(held)
    return HeldOut(**shape)


def rule_routes(services: Services) -> APIRouter:
    """Rules."""
    ruled, router = RuleEndpoints(services=services), APIRouter()
    router.get("/library/rules")(ruled.read)
    router.put("/library/rules")(ruled.write)
    router.post("/library/rules/check")(ruled.check)
    return router
