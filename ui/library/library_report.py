"""What the Library tab shows of the library at a moment: jobs, watched folders and how much there is, as HTML.

What a job is called follows the page's language; what it says comes from below in English: it is said in that language
as far as it is known, and else marked as English.

A button in this HTML carries what it does and for what, so a press means the very job whose card was
seen, however the list has moved on since.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Literal

from deepseek_mm import Assistant, Caller, Failed, Job, ListedProcess, Services, Taken, size_of
from index import Filter
from ui.html import button, for_ears, notice, progress, terms
from ui.words import UiTexts, count_noun

MOST_FAILED = 100  # failed items listed with a job


def render_running(jobs: Sequence[Job], words: UiTexts, *, older: str = "") -> str:
    """What is being done and what waits, the oldest first; `older` is an index whose files may be read anew."""
    offer = f'<article class="job"><p>{escape(words.upgrade)}</p>{button("upgrade", "", words.upgrade_do)}</article>'
    cards = "".join([offer if older else "", *(_render_running(job, words) for job in jobs)])
    return cards or f'<p class="hint">{escape(words.work_none)}</p>'


def render_ended(jobs: Sequence[Job], failed: Mapping[int, Sequence[Failed]], words: UiTexts) -> str:
    """What was done, the newest first, each with what it could not do."""
    cards = "".join(_render_ended(job, failed.get(job.id, ()), words) for job in jobs)
    if not cards:
        return f'<p class="hint">{escape(words.ended_none)}</p>'
    return f'<div class="ended" tabindex="0" role="group" aria-label="{escape(words.ended)}">{cards}</div>'


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedFolder:
    """A folder that is watched."""

    folder: str
    how: str  # how it is watched, or why it cannot be now
    num_files: int | None  # that are known below it; None while nobody has counted
    last_at: datetime | None  # when something below it was taken in last, as far as the jobs know


def render_watched(folders: Sequence[WatchedFolder], words: UiTexts) -> str:
    """The watched folders, each with what is known of it and a button to stop."""
    rows = "".join(_render_watched(each, words) for each in sorted(folders, key=lambda each: each.folder))
    return f'<ul class="watched">{rows}</ul>' if rows else f'<p class="hint">{escape(words.watched_none)}</p>'


def _render_watched(each: WatchedFolder, words: UiTexts) -> str:
    parts = []
    if each.num_files is not None:
        parts.append(words.watched_files.format(files=count_noun(words.files, each.num_files)))
    if each.last_at is not None:
        parts.append(words.watched_last.format(when=local(each.last_at)))
    known = f'<p class="hint">{escape(" - ".join(parts))}</p>' if parts else ""
    usual = each.how in ("", f"Watching {each.folder}.")
    how = "" if usual else f'<p class="hint">{say_marked(each.how, words)}</p>'
    stop = button("unwatch", each.folder, words.unwatch, label=f"{words.unwatch}: {each.folder}")
    return f'<li><div><span class="path">{escape(each.folder)}</span>{known}{how}</div>{stop}</li>'


def render_processes(listed: Sequence[ListedProcess], jobs: Sequence[Job], words: UiTexts, *, workers: bool) -> str:
    """The servers and workers of a library on a server, each with those of the jobs that it is at.

    "" where nobody else is; but `workers` says that long work is left to workers, and then it is told where none is.
    """
    alone = workers and not any(each.description.role == "worker" for each in listed)
    if len(listed) < 2 and not alone:
        return ""
    titles = {job.id: title(job, words) for job in jobs}
    rows = "".join(_render_process(each, titles, words) for each in listed)
    warning = notice(words.workers_none) if alone else ""
    return f'<h4>{escape(words.processes)}</h4><ul class="watched">{rows}</ul>{warning}'


def _render_process(each: ListedProcess, titles: Mapping[int, str], words: UiTexts) -> str:
    me = each.description
    told = words.process_told.format(machine=me.machine, version=me.version, when=local(each.since))
    named = words.process_server if me.role == "server" else words.process_worker
    name = named.format(name=me.name, queues=words.join(me.queues))
    at = [titles[job] for job in each.jobs if job in titles]
    doing = words.process_doing.format(what=words.join(at)) if at else ""
    lines = "".join(f'<p class="hint">{escape(text)}</p>' for text in (told, doing) if text)
    return f"<li><div><b>{escape(name)}</b>{lines}</div></li>"


def title(job: Job, words: UiTexts) -> str:
    """What a job is called in the page's language; one of an unknown kind by the name that it was given."""
    payload = job.payload
    names = {
        "import": words.job_import,
        "write sidecars": words.job_sidecars,
        "export library": words.job_export,
        "index": words.job_index, "read text": words.job_read, "verify": words.job_verify, "repair": words.job_repair,
        "back up": words.job_backup, "restore": words.job_restore, "watch": words.job_watch,
        "check backup": words.job_check_backup,
        "duplicates": words.job_duplicates, "learn": words.job_learn,
        "renew code": words.job_renew,
        "name photos": words.job_name_photos,
        "read faces": words.job_faces,
        "map code": words.job_map,
        "change space": words.job_change_space,
        "measure presets": words.job_measure,
    }  # fmt: skip
    named = payload.get("file") or payload.get("folder") or payload.get("name") or payload.get("space") or ""
    paths = payload.get("only") or payload.get("paths") or [named]
    more = len(paths) - 1
    what = words.job_paths[more > 0].format(first=paths[0], more=more)
    return names[job.kind].format(what=what) if job.kind in names else job.title


def say_marked(message: str, words: UiTexts, item: str = "") -> str:
    """What a job says, perhaps of an item, as text that runs from left to right; marked as English where it is so."""
    said = words.say(message)
    spoken = "" if said != message else 'lang="en" '
    return f'<span {spoken}dir="ltr">{escape(f"{item}: {said}" if item else said)}</span>'


def local(at: datetime) -> str:
    """Date and time on this machine's clock."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def news(jobs: Sequence[Job], words: UiTexts) -> str:
    """One line for ears about the job that ended last, which comes first; it changes only when another one ends."""
    line = f"{title(jobs[0], words)} - {_ending(jobs[0], words)}" if jobs else ""
    return for_ears(line)


def render_taken(takings: Sequence[Taken], words: UiTexts) -> str:
    """What was taken out last and can be put back; then what was taken out before it has its turn."""
    if not takings:
        return ""
    what = count_noun(words.taken_out, takings[0].num_sources)
    before = count_noun(words.taken_before, len(takings) - 1) if takings[1:] else ""
    undo = button("undo", takings[0].token, words.undo, label=words.undo_taking.format(what=what))
    return f'<div class="undo"><p class="hint">{escape(f"{what} {before}".strip())}</p>{undo}</div>'


def backups(files: Sequence[Path], words: UiTexts, check: Job | None = None) -> str:
    """Backups that lie in the library's folder, each with a button that names it in the field below; and whether the
    last one that was tried could be restored.
    """
    rows = "".join(
        f'<li><span class="path">{escape(file.name)}</span>'
        f"{button('choose', file, words.backup_choose, label=f'{words.backup_choose}: {file.name}')}</li>"
        for file in files
    )
    listed = f'<p class="hint">{escape(words.backups)}</p><ul class="watched">{rows}</ul>' if rows else ""
    return listed + (_render_check(check, words) if check is not None else "")


def _render_check(check: Job, words: UiTexts) -> str:
    """What the last trial of a backup found, and when."""
    good = check.state == "done"
    said = (words.backup_is_whole if good else words.backup_is_broken).format(
        name=os.path.basename(str(check.payload["file"])), when=local(check.ended_at or check.created_at)
    )
    look, sign = ("good", "&#10003;") if good else ("bad", "&#10007;")
    line = f'<li class="{look}"><span aria-hidden="true">{sign}</span> {escape(said)}</li>'
    return f'<ul class="health">{line}</ul><p class="hint">{say_marked(check.message, words)}</p>'


def render_facts(kinds: Mapping[str, int], regions: int, size_bytes: int, place: str, words: UiTexts) -> str:
    """What the library holds, as a list of terms: files of each kind, regions, and how much it takes where."""
    counts = ((words.photos, "photo"), (words.documents, "document"), (words.code, "code"))
    rows = [
        *((term, f"{kinds.get(kind, 0):,}") for term, kind in counts),
        (words.regions, f"{regions:,}"),
        (words.size, in_bytes(size_bytes)),
        (words.lies, place),
    ]
    return terms(rows)


def remaining_time(seconds: float, words: UiTexts) -> str:
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


def _render_running(job: Job, words: UiTexts) -> str:
    waits, name = job.state == "waiting", title(job, words)
    bar = "" if waits else progress(name, job.done, job.total)
    line = words.waiting if waits else far(job, words)
    at = (
        f'<p class="hint at"><bdi dir="ltr">{escape(words.say(job.message))}</bdi></p>'
        if job.message and not waits
        else ""
    )
    stop = "" if job.cancelling else button("cancel", job.id, words.cancel, label=f"{words.cancel}: {name}")
    return (
        f'<article class="job"><header><b>{escape(name)}</b>{stop}</header>{bar}'
        f'<p class="hint">{escape(line)}</p>{at}</article>'
    )


def far(job: Job, words: UiTexts) -> str:
    """How far a job has come, how fast it goes, and how long it still takes."""
    if not job.done and job.total is None:
        parts = [words.looking_at]
    else:
        parts = [f"{job.done:,}" if job.total is None else f"{job.done:,} / {job.total:,}"]
    if job.per_second:
        parts.append(words.pace.format(speed=job.per_second))
    if job.seconds_left is not None:
        parts.append(remaining_time(job.seconds_left, words))
    if job.num_failed:
        parts.append(words.num_failed.format(count=f"{job.num_failed:,}"))
    if job.cancelling:
        parts.append(words.ending)
    return " - ".join(parts)


def _ending(job: Job, words: UiTexts) -> str:
    return {"done": words.ended_done, "cancelled": words.ended_cancelled}.get(job.state, words.ended_failed)


def _render_ended(job: Job, failed: Sequence[Failed], words: UiTexts) -> str:
    when = local(job.ended_at) if job.ended_at else ""
    details = _render_left_out(job, words) + _failures(job, failed, words)
    return (
        f'<article class="job {escape(job.state)}"><header><b>{escape(title(job, words))}</b>'
        f'<span class="hint">{escape(_ending(job, words))} {when}</span></header>'
        f"<p>{say_marked(job.message, words)}</p>{details}</article>"
    )


def _render_left_out(job: Job, words: UiTexts) -> str:
    """What was not worth reading, or of no kind that is read, with the reasons behind a line that counts all."""
    left_out = job.result.get("left_out") or []
    if not left_out:
        return ""
    count = max(len(left_out), job.result.get("num_left_out", 0))
    rows = "".join(f"<li>{say_marked(reason, words, path)}</li>" for path, reason in left_out)
    more = count - len(left_out)
    rest = f"<li>{escape(words.not_listed.format(count=f'{more:,}'))}</li>" if more > 0 else ""
    summary = escape(words.num_left_out.format(count=f"{count:,}"))
    return f"<details><summary>{summary}</summary><ul>{rows}{rest}</ul></details>"


def _failures(job: Job, failed: Sequence[Failed], words: UiTexts) -> str:
    """The first failed items with their reasons behind a line that counts all, and a button to try them again."""
    if not job.num_failed:
        return ""
    rows = "".join(f"<li>{failure(each, words)}</li>" for each in failed)
    more = job.num_failed - len(failed)
    rest = f"<li>{escape(words.not_listed.format(count=f'{more:,}'))}</li>" if more > 0 else ""
    summary = escape(words.num_failed.format(count=f"{job.num_failed:,}"))
    return (
        f"<details><summary>{summary}</summary><ul>{rows}{rest}</ul></details>"
        f"{button('retry', job.id, words.retry, label=f'{words.retry}: {title(job, words)}')}"
    )


def failure(each: Failed, words: UiTexts) -> str:
    """What could not be done, and why, as HTML."""
    return say_marked(each.reason, words, "" if each.item in each.reason else words.say(each.item))


WATCH = "watch"  # the kind of the jobs that watch folders; they are shown as folders, not as work
ENDED: tuple[Literal["done", "cancelled", "failed"], ...] = ("done", "cancelled", "failed")
MOST_ENDED = 12  # jobs that are over and still shown
MOST_BACKUPS = 12  # that are listed
COUNT_S = 5.0  # between two counts of what is in the library, while something runs: a large one takes a while


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryCounts:
    """What takes a while to count."""

    facts: str = ""  # HTML
    files: str = ""  # how many there are, for the top of the page
    holding: tuple[int, int] = (0, 0)  # files and what was found in them: other numbers, and a list is old
    below: tuple[tuple[str, int], ...] = ()  # watched folder, and number of files that are known below it
    processes: str = ""  # HTML of who works on the library
    at_s: float = float("-inf")  # when it was counted, in seconds of `time.monotonic`


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryState:
    """What the tab shows of the library, as HTML."""

    running: str = ""
    news: str = ""
    ended: str = ""
    watched: str = ""
    taken: str = ""
    backups: str = ""
    counted: LibraryCounts = LibraryCounts()
    far: str = ""  # how far the work at hand is, for the top of the page
    busy: bool = False  # something runs or waits: look again soon

    @property
    def facts(self) -> str:
        """How much there is of each kind."""
        return self.counted.facts

    @property
    def processes(self) -> str:
        """Who works on the library."""
        return self.counted.processes

    @property
    def head(self) -> str:
        """What the top of the page says: how much there is, and what is being done."""
        return " · ".join(filter(None, (self.counted.files, self.far)))


NOTHING = LibraryState()


def look(services: Services, caller: Caller, words: UiTexts, seen: LibraryState = NOTHING) -> LibraryState:
    """Everything as it stands now, but for what is counted: while something runs, that is done now and then only.

    What only callers see who may change the library is left out for others. IndexProblem or LibraryError if it cannot
    be read.
    """
    library, changes = services.library, "library" in caller.rights
    active = sorted(library.list_jobs(caller, states=("running", "waiting")), key=lambda job: job.id)
    now = [job for job in active if job.kind != WATCH]
    at_work = [job for job in now if job.state == "running"]
    over = library.list_jobs(caller, states=ENDED, limit=4 * MOST_ENDED)
    shown = [job for job in over if job.kind != WATCH or job.state == "failed"][:MOST_ENDED]
    failed = {job.id: library.list_failures(caller, job.id, limit=MOST_FAILED) for job in shown if job.num_failed}
    watching = [job for job in active if job.kind == WATCH and not job.cancelling]
    folders = [str(job.payload["folder"]) for job in watching]
    older = library.find_older_index(caller) if changes and not now else ""
    soon = bool(now) and seen.busy and time.monotonic() - seen.counted.at_s < COUNT_S
    counted = seen.counted if soon else count(library.assistant, words, folders)
    if changes and not soon:
        shared = render_processes(
            library.list_processes(caller), at_work, words, workers=library.assistant.config.storage.workers
        )
        counted = replace(counted, processes=shared)
    return LibraryState(
        running=render_running([*at_work, *(job for job in now if job.state == "waiting")], words, older=older),
        news=news(shown[:1], words),
        ended=render_ended(shown, failed, words),
        watched=render_watched([_watched_folder(job, counted, over) for job in watching], words),
        taken=render_taken(library.list_taken(caller) if changes else (), words),
        backups=backups(library.list_backups(caller)[:MOST_BACKUPS], words, library.last_check(caller))
        if changes
        else "",
        counted=counted,
        far=words.head_work.format(far=far(at_work[0], words)) if at_work else "",
        busy=bool(now),
    )


def count(assistant: Assistant, words: UiTexts, folders: Sequence[str]) -> LibraryCounts:
    """How much there is, and how much of it below these folders."""
    store, data = assistant.store, assistant.config.data
    kinds, whole = store.kinds(where=Filter(grouped=True)), store.counts()
    return LibraryCounts(
        facts=render_facts(kinds, whole.regions, size_of(data), str(data.absolute()), words),
        files=count_noun(words.files, whole.sources),
        holding=(whole.sources, whole.regions),
        below=tuple((folder, sum(store.kinds(where=Filter(folder=folder)).values())) for folder in folders),
        at_s=time.monotonic(),
    )


def _watched_folder(job: Job, counted: LibraryCounts, over: Sequence[Job]) -> WatchedFolder:
    """A folder with what is known of it; its last change is the end of the last work on nothing but things in it."""
    folder = str(job.payload["folder"])
    ends = [each.ended_at for each in over if each.kind == "index" and _lies_in(each, folder) and each.ended_at]
    return WatchedFolder(
        folder=folder, how=job.message, num_files=dict(counted.below).get(folder), last_at=max(ends, default=None)
    )


def _lies_in(job: Job, folder: str) -> bool:
    paths = [str(path) for path in job.payload.get("paths") or ()]
    return bool(paths) and all(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for path in paths)
