"""What a container may use: the limits that Linux sets a group of processes, in both versions of cgroups.

A process sees its own group's path, which a container may know under another name or not at all. So the groups on the
way from the named one up to the root are read, what is not there is skipped, and the tightest limit counts.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MOUNT = Path("sys/fs/cgroup")
BOUNDLESS = 2**60  # bytes from which a limit is none: version 1 has a number for "no limit"


@dataclass(frozen=True, kw_only=True, slots=True)
class CgroupLimits:
    """None where there is no limit."""

    cpus: float | None = None  # processors' worth of time: 1.5 is one and a half
    memory_bytes: int | None = None


def read_limits(root: Path) -> CgroupLimits:
    """Of this process, below the `root` of the file system; no limits where there are no cgroups."""
    groups = dict(_groups(root))
    unified = [*_upwards(root / MOUNT, groups.get("", "/")), *_upwards(root / MOUNT / "unified", groups.get("", "/"))]
    cpu = _upwards(root / MOUNT / "cpu", groups.get("cpu", "/"))
    memory = _upwards(root / MOUNT / "memory", groups.get("memory", "/"))
    cpus = [*map(_share, unified), *map(_share_v1, cpu)]
    bounds = [_number(folder / "memory.max") for folder in unified]
    bounds += [_number(folder / "memory.limit_in_bytes") for folder in memory]
    return CgroupLimits(
        cpus=min((value for value in cpus if value), default=None),
        memory_bytes=min((value for value in bounds if value and value < BOUNDLESS), default=None),
    )


def _groups(root: Path) -> Iterator[tuple[str, str]]:
    """Controller and path; the controller of version 2 is called ""."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        yield from ((name, path or "/") for name in controllers.split(","))


def _upwards(mount: Path, path: str) -> list[Path]:
    """The group's folder and all above it; a path may not lead out of the mount."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    return [mount.joinpath(*parts[:n]) for n in range(len(parts), -1, -1)]


def _share(folder: Path) -> float | None:
    """Version 2: `max 100000` or `150000 100000`."""
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    return _over(quota, period)


def _share_v1(folder: Path) -> float | None:
    return _over(_text(folder / "cpu.cfs_quota_us").strip(), _text(folder / "cpu.cfs_period_us").strip())


def _over(quota: str, period: str) -> float | None:
    """None where either is no number above nothing: `max` and -1 mean "no limit"."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isdigit() else None


def _text(file: Path) -> str:
    """Empty where it cannot be read."""
    with suppress(OSError, UnicodeDecodeError):
        return file.read_text()
    return ""
