"""Claims about calls: who calls something, what it calls, which tests reach it, and what happens from it on.

What is certain by scope and types, what is likely, and what only the name says are told apart.
"""

from collections.abc import Sequence
from pathlib import Path

from deepseek_mm.answering.code.claims import (
    LIKELY,
    MAX_NAME,
    SURE,
    ClaimWriter,
    join_names,
    name_region,
    place_at,
    place_of,
)
from deepseek_mm.answering.code.graphs import FoundCall, LibraryGraphs
from deepseek_mm.answering.code.source_files import CODE
from deepseek_mm.code_graph.graph import PathStep
from deepseek_mm.code_graph.records import Certainty
from deepseek_mm.language.words import clean, join_words
from index import Region
from index.region import at_lines
from index.store import RegionStore

MOST = 6  # places that one sentence points at
LOCATED = 2 * MOST  # calls of one certainty whose code is looked up: some lie in one piece
MOST_GUESSED = 3  # of those that only the name tells
MOST_TESTS = 6
BY_NAME = 0.4  # certainty of what only the name tells
BUILDING = "The graph of calls is still being made, so this goes by the name alone"


class CallTeller:
    """Tells of calls in one store."""

    def __init__(self, store: RegionStore, graphs: LibraryGraphs) -> None:
        self._store, self._graphs = store, graphs

    def tell_callers(self, defined: Sequence[Region], tell: ClaimWriter, *, brief: bool = False) -> None:
        """Who calls them; of those whose calls no graph knows once for all of one name, which says not which is meant.

        `brief` leaves out what only the name tells.
        """
        by_name: dict[str, list[Region]] = {}
        for region in defined:
            by_name.setdefault(region.symbol.name if region.symbol else region.source.name, []).append(region)
        for name, same in by_name.items():
            known = [(region, self._graphs.find_callers(region, LOCATED)) for region in same[:MOST]]
            if all(calls is None for _, calls in known):
                self._tell_named_callers(name, same, tell)
                continue
            guessed = [] if brief else self._graphs.find_named(name, same)
            self._tell_known_callers([(region, calls or []) for region, calls in known], guessed, tell)

    def _tell_known_callers(
        self, known: Sequence[tuple[Region, list[FoundCall]]], named: Sequence[FoundCall], tell: ClaimWriter
    ) -> None:
        """Definition by definition; then once what may mean any of them."""
        told = False
        for region, calls in known:
            called = name_region(region) if len(known) == 1 else f"{name_region(region)} in {place_of(region)}"
            sure, likely = choose(calls, "certain"), choose(calls, "likely")
            if sure:
                tell.say(f"{called} is called by {join_places(sure)}", *regions_of(sure))
            if likely:
                tell.say(f"{called} is likely called by {join_places(likely)}", *regions_of(likely), certainty=LIKELY)
            told = told or bool(sure or likely)
        guessed = {one.key: one for _, calls in known for one in choose(calls, "name")}
        guessed |= {one.key: one for one in named if one.key not in guessed}
        first = known[0][0]
        if not told:
            lead = (
                f"Nothing here surely calls {name_region(first)}"
                if guessed
                else f"Nothing here calls {name_region(first)}"
            )
            tell.say(f"{lead}, which is defined in {place_of(first)}", first)
        if guessed:
            some = sorted(guessed.values(), key=lambda one: one.is_test)
            places = join_places(some, MOST_GUESSED)
            tell.say(f"By the name alone, {places} may call it", *regions_of(some, MOST_GUESSED), certainty=BY_NAME)

    def _tell_named_callers(self, name: str, same: Sequence[Region], tell: ClaimWriter) -> None:
        """By the index: a call does not say which of them it means."""
        own = {region.id for region in same}
        callers = [one for one in self._store.callers(name, where=CODE) if one.id not in own]
        first = name_region(same[0])
        called = first if len(same) == 1 else f"`{clean(name, MAX_NAME)}`, which {len(same)} places define,"
        if callers:
            places = [f"{name_region(one)} in {place_of(one)}" for one in callers[:MOST]]
            tell.say(f"{called} is called by {join_some(places, len(callers))}", *callers[:MOST])
        else:
            tell.say(f"Nothing here calls {first}, which is defined in {place_of(same[0])}", same[0])
        if self._graphs.is_building():
            tell.say(BUILDING, same[0])

    def tell_calls(self, region: Region, tell: ClaimWriter, *, brief: bool = False) -> bool:
        """What it calls that is defined here; whether that is anything."""
        calls = self._graphs.find_callees(region, LOCATED)
        if calls is None:
            return self._tell_named_calls(region, tell)
        told = [
            (choose(calls, "certain"), "It calls {}", SURE),
            (choose(calls, "likely"), "It likely calls {}", LIKELY),
        ]
        if not brief:
            told.append((choose(calls, "name"), "By the name alone, it may call {}", BY_NAME))
        for some, form, certainty in told:
            most = MOST if certainty > BY_NAME else MOST_GUESSED
            if some:
                places = [
                    f"`{clean(one.name, MAX_NAME)}` in {place_of(one.region)}" for one in some[:most] if one.region
                ]
                cited = [region, *regions_of(some, most)]
                tell.say(form.format(join_some(places, len(some))), *cited, certainty=certainty)
        return any(some for some, _, _ in told)

    def _tell_named_calls(self, region: Region, tell: ClaimWriter) -> bool:
        known = [name for name in region.symbol.calls if self._store.symbols(name, where=CODE)] if region.symbol else []
        if known:
            tell.say(f"It calls {join_names(known)}", region)
        if known and self._graphs.is_building():
            tell.say(BUILDING, region)
        return bool(known)

    def tell_tests(self, region: Region, tell: ClaimWriter, *, place: bool = False) -> bool:
        """Which tests get to it, the nearest first; with `place` each is cited. Whether any does."""
        found = self._graphs.find_tests(region)
        if not found:
            return False
        if not place:
            tell.say(f"It is reached by the tests {join_names([each.test.qualified for each in found])}", region)
            return True
        tests = [(one, self._graphs.find_region(one.test.path, one.test.line)) for one in found[:MOST_TESTS]]
        places = [
            tell_way(f"`{one.test.qualified}` in {place_of(there)}", one.through) for one, there in tests if there
        ]
        likely = any(one.certainty != "certain" for one, _ in tests)
        verb = "is reached, as it seems, by" if likely else "is reached by"
        cited = [there for _, there in tests if there]
        tell.say(f"{name_region(region)} {verb} {join_some(places, len(found))}", *cited)
        return True

    def tell_path(self, region: Region, tell: ClaimWriter) -> None:
        """What happens from a function on, call by call; nothing where it calls nothing that is known."""
        steps = self._graphs.trace_path(region)
        if steps:
            tell.say(f"From {name_region(region)} in {place_of(region)} on this happens", region)
        elif self._graphs.is_building():
            tell.say("The graph of calls is still being made. Ask again in a little while for what happens", region)
        for step in steps:
            target = step.link.target
            tell.say(tell_step(step), self._graphs.find_region(target.path, target.line) or region)


def choose(calls: Sequence[FoundCall], certainty: Certainty) -> list[FoundCall]:
    """Those that are just so sure."""
    return [one for one in calls if one.certainty == certainty]


def regions_of(calls: Sequence[FoundCall], most: int = MOST) -> list[Region]:
    """The pieces of code of the first of them."""
    return [one.region for one in calls[:most] if one.region]


def join_places(calls: Sequence[FoundCall], most: int = MOST) -> str:
    """`Order.total` in orders.py:14 and 3 more"""
    handed = {True: " (handed on)", False: ""}
    places = [
        f"`{clean(one.name, MAX_NAME)}` in {place_at(one.region, one.line) if one.line else place_of(one.region)}"
        f"{handed[one.is_handed_on]}"
        for one in calls[:most]
        if one.region
    ]
    return join_some(places, len(calls))


def join_some(places: list[str], total: int) -> str:
    """The places, and how many more there are."""
    return join_words([*places, f"{total - len(places)} more"] if total > len(places) else places)


def tell_way(test: str, through: Sequence[object]) -> str:
    """A test, and through how many calls it gets there."""
    return f"{test} (through {len(through)} call{'s' if len(through) > 1 else ''})" if through else test


def tell_step(step: PathStep) -> str:
    """`main` calls `read_log` in station.py:31"""
    link = step.link
    verb = "hands on" if link.kind == "callback" else "calls"
    line = link.lines[0] if link.lines else link.source.line
    where = at_lines(Path(link.source.path).name, (line, line))
    likely = ", as it seems," if link.certainty != "certain" else ""
    return f"`{link.source.qualified}`{likely} {verb} `{link.target.qualified}` in {where}"
