"""How much memory a process and all that it started have in use, as Linux says it."""

import os
from pathlib import Path

PROC = Path("/proc")


def resident_mb(pid: int) -> float:
    """Of the process and of everything below it; 0 if it is gone."""
    parents = {child: parent_of(child) for child in map(int, filter(str.isdigit, os.listdir(PROC)))}
    family = [child for child in parents if is_below(child, pid, parents)]
    return round(sum(map(own_mb, family)), 2)


def is_below(child: int, pid: int, parents: dict[int, int]) -> bool:
    """Whether it is this process, or comes from it."""
    while child not in (0, pid):
        child = parents.get(child, 0)
    return child == pid


def parent_of(pid: int) -> int:
    """0 if it has none, or is gone."""
    try:
        told = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return 0
    return int(told.rpartition(")")[2].split()[1])  # a name in brackets may hold anything


def own_mb(pid: int) -> float:
    """Its own; 0 if it is gone."""
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
