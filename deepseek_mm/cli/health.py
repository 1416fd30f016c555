"""`library health` in lines: each says what was measured, and whether it is as it should be."""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.terminal import NOTHING, OK, Desk

if TYPE_CHECKING:
    from deepseek_mm.cli.library import Shelves
    from deepseek_mm.library import Health

REPAIR = "python -m deepseek_mm library repair"


def health(shelves: "Shelves", args: Namespace, desk: Desk) -> int:
    """Exit code 1 when something needs doing, or when a text that should be gone is not."""
    told = shelves.service.measure_health(LOCAL)
    found = shelves.service.find_traces(LOCAL, args.gone) if args.gone else []
    well = told.is_well and not found
    if args.json:
        desk.give(asdict(told) | {"well": well, "found": [asdict(each) for each in found]})
        return OK if well else NOTHING
    for line in lines(told):
        desk.say(line)
    if args.gone:
        desk.say(
            f"ok    no file of the library holds {args.gone!r}"
            if not found
            else f"fail  {args.gone!r} still stands in:"
        )
    for each in found:
        desk.say(f"      {each.path}, {each.count} times")
    desk.note("all is well" if well else f"not well: {REPAIR}")
    return OK if well else NOTHING


def lines(told: "Health") -> Iterator[str]:
    """One a finding."""
    left = told.store.traces
    yield line(told.store.recall >= 0.99, f"recall@10 {told.store.recall:.3f} over {told.store.sampled} searches")
    yield line(not told.num_problems, f"{told.num_problems} things do not fit together")
    yield from (f"      {each.path or 'the index'}: {each.detail}" for each in told.problems)
    yield line(not told.gone, f"{told.gone} known files are not there any more", worst="warn")
    yield line(not told.num_failed, f"{told.num_failed} files could not be read", worst="warn")
    yield from (f"      {each.item}: {each.reason}" for each in told.failed)
    yield line(left.overwrites, "what is deleted is overwritten with zeros")
    yield line(not left.dirty_pages, f"{left.dirty_pages} of {left.free_pages} free pages hold something")
    yield line(not left.log_bytes, f"the log has {left.log_bytes:,} bytes", worst="warn")
    yield line(not left.cached, f"{left.cached} vectors of the cache file belong to nothing")
    yield line(not left.words, f"{left.words} regions are out of step with the index of words")
    yield line(not told.in_trash, f"{told.in_trash} takings can still be put back", worst="info")
    yield "info  " + ", ".join(f"{each.name} {each.size_bytes / 1e6:.1f} MB" for each in told.sizes)


def line(good: bool, text: str, worst: str = "fail") -> str:
    """With its state before it."""
    return f"{'ok' if good else worst:<5} {text}"
