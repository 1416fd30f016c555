"""Jobs, watched folders and the state of the library as HTML: values only, every name from outside escaped.

A button in this HTML carries what it does and for what, so a press means the very job whose card was
seen, however the list has moved on since.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from deepseek_mm import Failed, Job
from ui.html import button
from ui.words import Words

MOST_FAILED = 100  # failed items listed with a job


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How much the library holds, and where."""

    photos: int
    documents: int
    code: int
    regions: int
    size_bytes: int
    place: str


def running(jobs: Sequence[Job], words: Words) -> str:
    """What is being done and what waits, the oldest first."""
    cards = "".join(_running(job, words) for job in jobs)
    return cards or f'<p class="hint">{escape(words.work_none)}</p>'


def ended(jobs: Sequence[Job], failed: Mapping[int, Sequence[Failed]], words: Words) -> str:
    """What was done, the newest first, each with what it could not do."""
    cards = "".join(_ended(job, failed.get(job.id, ()), words) for job in jobs)
    return cards or f'<p class="hint">{escape(words.ended_none)}</p>'


def watched(jobs: Sequence[Job], words: Words) -> str:
    """The watched folders: how each is watched, or why it cannot be now, and a button to stop."""
    folders = sorted((str(job.payload["folder"]), job.message) for job in jobs)
    rows = "".join(
        f'<li><span class="path">{escape(how or folder)}</span>'
        f"{button('unwatch', folder, words.unwatch, label=f'{words.unwatch}: {folder}')}</li>"
        for folder, how in folders
    )
    return f'<ul class="watched">{rows}</ul>' if rows else f'<p class="hint">{escape(words.watched_none)}</p>'


def facts(state: Facts, words: Words) -> str:
    """What the library holds, as a list of terms."""
    rows = (
        (words.photos, f"{state.photos:,}"),
        (words.documents, f"{state.documents:,}"),
        (words.code, f"{state.code:,}"),
        (words.regions, f"{state.regions:,}"),
        (words.size, in_bytes(state.size_bytes)),
        (words.lies, state.place),
    )
    return '<dl class="facts">' + "".join(f"<dt>{escape(a)}</dt><dd>{escape(b)}</dd>" for a, b in rows) + "</dl>"


def left(seconds: float, words: Words) -> str:
    """The remaining time, as a person would say it."""
    if seconds < 45:
        return words.seconds_left
    minutes = round(seconds / 60)
    if minutes < 2:
        return words.minute_left
    return words.minutes_left.format(minutes=minutes) if minutes < 90 else words.hours_left.format(hours=minutes / 60)


def in_bytes(count: int) -> str:
    """ "1.5 MB": three digits at most before the unit."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" or size >= 99.5 else f"{size:.1f} {units[0]}"


def _running(job: Job, words: Words) -> str:
    waits = job.state == "waiting"
    label = f'aria-label="{escape(job.title)}"'
    known = "" if job.total is None else f' value="{job.done}" max="{max(1, job.total)}"'
    bar = "" if waits else f"<progress {label}{known}></progress>"
    line = words.waiting if waits else far(job, words)
    at = f'<p class="hint at"><bdi dir="ltr">{escape(job.message)}</bdi></p>' if job.message and not waits else ""
    stop = "" if job.cancelling else button("cancel", job.id, words.cancel, label=f"{words.cancel}: {job.title}")
    return (
        f'<article class="job"><header><b>{escape(job.title)}</b>{stop}</header>{bar}'
        f'<p class="hint">{escape(line)}</p>{at}</article>'
    )


def far(job: Job, words: Words) -> str:
    """How far a job has come, how fast it goes, and how long it still takes."""
    if not job.done and job.total is None:
        parts = [words.looking_at]
    else:
        parts = [f"{job.done:,}" if job.total is None else f"{job.done:,} / {job.total:,}"]
    if job.per_second:
        parts.append(words.pace.format(speed=job.per_second))
    if job.seconds_left is not None:
        parts.append(left(job.seconds_left, words))
    if job.num_failed:
        parts.append(words.num_failed.format(count=f"{job.num_failed:,}"))
    if job.cancelling:
        parts.append(words.ending)
    return " - ".join(parts)


def _ended(job: Job, failed: Sequence[Failed], words: Words) -> str:
    how = {"done": words.ended_done, "cancelled": words.ended_cancelled}.get(job.state, words.ended_failed)
    when = f"{job.ended_at.astimezone():%Y-%m-%d %H:%M}" if job.ended_at else ""
    return (
        f'<article class="job {escape(job.state)}"><header><b>{escape(job.title)}</b>'
        f'<span class="hint">{escape(how)} {when}</span></header>'
        f"<p>{escape(job.message)}</p>{_failures(job, failed, words)}</article>"
    )


def _failures(job: Job, failed: Sequence[Failed], words: Words) -> str:
    """The first failed items with their reasons behind a line that counts all, and a button to try them again."""
    if not job.num_failed:
        return ""
    rows = "".join(f"<li>{escape(each.reason if each.item in each.reason else _both(each))}</li>" for each in failed)
    more = job.num_failed - len(failed)
    rest = f"<li>{escape(words.not_listed.format(count=f'{more:,}'))}</li>" if more > 0 else ""
    summary = escape(words.num_failed.format(count=f"{job.num_failed:,}"))
    return (
        f"<details><summary>{summary}</summary><ul>{rows}{rest}</ul></details>"
        f"{button('retry', job.id, words.retry, label=f'{words.retry}: {job.title}')}"
    )


def _both(each: Failed) -> str:
    return f"{each.item}: {each.reason}"
