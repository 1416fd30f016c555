"""Who changed a piece of code last, in which commit and why, as the repository around its file tells."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from deepseek_mm.answering.code.claims import MAX_DOC, ClaimWriter, name_region, place_of
from deepseek_mm.code_graph.git_history import CodeChange, GitHistory
from deepseek_mm.code_graph.ranking import NOTHING_KNOWN, KnownSigns
from deepseek_mm.language.words import join_words, quotable
from index import Region

MOST_CHANGES = 3  # commits that are told
HIGHEST = 8  # folders above a file in which its repository is looked for


def tell_history(regions: Sequence[Region], tell: ClaimWriter) -> None:
    """Who changed these pieces of code last, in which commit and why; nothing where no repository tells."""
    for region in regions:
        history = GitHistory([find_root(region.source.path)])
        if region.symbol and region.symbol.kind != "module":
            found = history.find_last_changes(region.source.path, *region.lines)
        else:
            found = history.find_changes(region.source.path, most=MOST_CHANGES)
        if found:
            told = join_words([tell_commit(each) for each in found[:MOST_CHANGES]])
            tell.say(f"{name_region(region)} in {place_of(region)} was changed last by {told}", region)


def tell_commit(change: CodeChange) -> str:
    """Ana on 2026-03-01 ("units: beaufort", 1a2b3c4d5)"""
    subject = quotable(change.subject, MAX_DOC)
    return f'{quotable(change.author, MAX_DOC)} on {change.at:%Y-%m-%d} ("{subject}", {change.short})'


def recall_changes(paths: Sequence[str]) -> KnownSigns:
    """What the history of the repository that most of these files lie in tells of them, for a task to be placed."""
    tops = Counter(top for path in paths if (top := GitHistory([find_root(path)]).find_top(path)))
    if not tops:
        return NOTHING_KNOWN
    top = max(tops, key=tops.__getitem__)
    history = GitHistory([top])
    return KnownSigns(
        activity=history.measure_activity(top),
        fresh_lines=history.find_fresh_lines(top),
        commits=history.read_commits(top),
    )


def find_root(path: str) -> Path:
    """The highest folder in which a file's repository is looked for."""
    parents = Path(path).parents
    return parents[min(HIGHEST, len(parents) - 1)]
