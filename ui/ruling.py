"""What happens when rules are checked on the Library tab: plain functions, tested without a browser."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from deepseek_mm import Assistant, Caller, Checked, Held, Rule, Services, rules_of
from index import LIBRARY, Filter, Region
from ui import edges
from ui.words import Words

MOST = 24  # photos that are shown of each rule
EVERY_S = 0.5  # between two views of a check that takes long


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleCase:
    """A photo in which a rule holds."""

    photo: Region  # the whole of it
    held: Held


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleResults:
    """What the rules found, as far as the photos were looked at."""

    rules: tuple[Rule, ...] = ()
    counts: tuple[int, ...] = ()  # of photos in which each rule holds
    cases: tuple[tuple[RuleCase, ...], ...] = ()  # of each rule, the first MOST
    collection: str = ""  # empty is the whole library
    done: int = 0
    total: int = 0
    ended: bool = False
    trouble: str = ""  # why nothing was checked
    token: str = field(default_factory=lambda: secrets.token_hex(4))  # another check, another token

    @property
    def all_cases(self) -> tuple[RuleCase, ...]:
        """Every case that can be opened, in the order of the rules."""
        return tuple(case for cases in self.cases for case in cases)


@dataclass(frozen=True, kw_only=True)
class RuleHandlers:
    """Checks rules. Every error becomes a sentence in place of the results."""

    assistant: Assistant
    services: Services
    words: Words

    def text(self, caller: Caller) -> str:
        """The rules that were checked last; where there are none, some that hold on the bundled photos."""
        return self.services.rules.read(caller) or self.words.rules_example

    def check(self, caller: Caller, text: str, collection: str) -> Iterator[RuleResults]:
        """What was found until now, now and then, and at the end.

        The text is kept once it is understood, for callers who may change the library.
        """
        try:
            rules = rules_of(text.splitlines())
            if "library" in caller.rights:
                self.services.rules.write(caller, text)
            yield from self._check(caller, rules, collection)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            yield RuleResults(trouble=edges.sentence(error, self.words), ended=True)

    def _check(self, caller: Caller, rules: tuple[Rule, ...], collection: str) -> Iterator[RuleResults]:
        where = collection or LIBRARY
        every = self.services.rules.check(caller, rules, collection=where)
        total = self.assistant.store.counts(where=Filter(collection=where, source_kinds=("photo",))).sources
        nothing = RuleResults(rules=rules, counts=(0,) * len(rules), cases=((),) * len(rules))
        found, shown_s = replace(nothing, collection=collection, total=total), time.monotonic()
        for checked in every:
            found = grown(found, checked)
            if time.monotonic() - shown_s > EVERY_S:
                shown_s = time.monotonic()
                yield found
        yield replace(found, ended=True)


def grown(found: RuleResults, checked: Checked) -> RuleResults:
    """With one more photo."""
    found = replace(found, done=found.done + 1)
    if not checked.held:
        return found
    new = {held.rule: (RuleCase(photo=checked.photo, held=held),) for held in checked.held}
    each = list(zip(found.rules, found.counts, found.cases, strict=True))
    return replace(
        found,
        counts=tuple(count + (rule in new) for rule, count, _ in each),
        cases=tuple((cases + new.get(rule, ()))[:MOST] for rule, _, cases in each),
    )
