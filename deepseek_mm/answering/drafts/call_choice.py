"""Which calls become tests: few that together reach the most lines, and none that says what another one says."""

from collections.abc import Sequence

from deepseek_mm.answering.drafts.test_file import CallResult

ENOUGH = 8  # tests that are wanted even where they reach no further line
MOST_CHARS = 100  # of a call that is easily read


def choose_calls(found: Sequence[CallResult], most: int, enough: int = ENOUGH) -> list[CallResult]:
    """At most `most`: those that reach lines that no other does, then those that give other things, up to `enough`."""
    left = sorted((one for one in found if one.stands), key=rank_call)
    meant = [one for one in left if one.kind == "value" or one.stated or one.trial.source in ("docstring", "call")]
    left = meant or left  # an error that nobody raises on purpose says more of the guess
    chosen = list[CallResult]()
    reached = frozenset[tuple[int, int]]()
    while left and len(chosen) < most:
        best = max(left, key=lambda one: len(one.arcs - reached))  # the first of equals
        if not best.arcs - reached and chosen:
            break
        chosen.append(best)
        reached |= best.arcs
        left.remove(best)
    said = {describe_result(one) for one in chosen}
    for one in left:
        if len(chosen) >= min(most, enough):
            break
        if one.kind == "value" and describe_result(one) not in said:
            chosen.append(one)
            said.add(describe_result(one))
    return chosen


def rank_call(one: CallResult) -> tuple[object, ...]:
    """What somebody wrote comes first, then what gives a value that can be told, then what is short."""
    sources = ("docstring", "call", "model", "guess", "property")
    return (
        one.kind != "value" and not one.stated,
        one.only_type,
        one.kind != "value",
        len(one.trial.call) > MOST_CHARS,
        sources.index(one.trial.source),
    )


def describe_result(one: CallResult) -> tuple[object, ...]:
    """Equal where a second test would say the same."""
    return one.target.name, one.kind, one.error, tuple(check.words for check in one.telling_checks)
