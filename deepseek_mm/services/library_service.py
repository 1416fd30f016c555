"""What callers do to the library: its files, collections, descriptions, maintenance, and rules over its photos.

Whoever calls from elsewhere names only files below `serve.roots`. A restore and a deletion of everything change the
conversations of all callers as well, so both need the right "settings".
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from deepseek_mm.accounts.permissions import (
    Caller,
    check_path,
    require_local,
    require_owner,
    requires,
    requires_by_default,
)
from deepseek_mm.answering.scene_programs import Checked, keep_rules, kept_rules
from deepseek_mm.assistant import Assistant
from deepseek_mm.database_places import server_place
from deepseek_mm.errors import BadFile, Conflict, Forbidden, NothingThere
from deepseek_mm.imports import ImportPreview
from deepseek_mm.jobs import Failed, Job, State, follow
from deepseek_mm.jobs.fleet import ListedProcess, list_processes
from deepseek_mm.learning import LEARN
from deepseek_mm.library import Health, Library, Taken, Twins
from deepseek_mm.library.backup import BACKUP, RESTORE, backups_in, new_backup
from deepseek_mm.library.backup_schedule import CHECK_BACKUP
from deepseek_mm.library.code_pass import MAP
from deepseek_mm.library.dropped_files import keep_dropped, keep_fetched
from deepseek_mm.library.duplicates import DUPLICATES, Keep
from deepseek_mm.library.face_pass import FACES
from deepseek_mm.library.folder_watcher import WATCH
from deepseek_mm.library.health import REPAIR, VERIFY, LeftoverText
from deepseek_mm.library.index_jobs import IMPORT, INDEX, NAME, READ, RENEW, normalize_collection
from deepseek_mm.library.library_export import EXPORT
from deepseek_mm.library.photo_facts import PhotoFacts
from deepseek_mm.library.sidecar_jobs import SIDECARS
from deepseek_mm.library.space_change import CHANGE_SPACE, find_older_index, take_over
from deepseek_mm.library.web_fetcher import FetchedFile, Fetcher
from deepseek_mm.logic.rules import Rule, rules_of
from deepseek_mm.runtime.preset_measurement import MEASURE
from deepseek_mm.types import PhotoDescription
from index import LIBRARY, Filter, Source
from index.region import current_viewer

KINDS = (
    INDEX,
    IMPORT,
    SIDECARS,
    EXPORT,
    READ,
    FACES,
    MAP,
    RENEW,
    NAME,
    VERIFY,
    REPAIR,
    BACKUP,
    RESTORE,
    CHECK_BACKUP,
    WATCH,
    DUPLICATES,
    LEARN,
    CHANGE_SPACE,
    MEASURE,
)  # of the library's own jobs


@requires_by_default("library")
@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryService:
    """One library, as callers act on it."""

    assistant: Assistant
    stop_answers: Callable[[], object]  # that are under way, before what they are written into is exchanged
    photos: Path | None = None  # the program's own, where there are any
    fetch: Callable[[str], FetchedFile] | None = None  # what lies at an address; None is the real one

    def add(
        self,
        caller: Caller,
        paths: Sequence[str] = (),
        *,
        uploads: Sequence[str] = (),
        links: Sequence[str] = (),
        collection: str = "",
        anew: bool = False,
    ) -> Job:
        """Take in files and folders where they lie, and copies of uploads and of pictures and pages at addresses.

        `uploads` are paths that our own code wrote to, never what a caller named. Links are fetched now; for callers
        from elsewhere only where `serve.fetch_urls` allows it. Forbidden, NothingThere, TooLarge or BadFile says which
        path or link cannot be taken.
        """
        found = [self._existing(path, caller) for path in paths]
        kept = keep_dropped(uploads, self.assistant.config.data, self._library.files)
        kept += [self._fetch(link, caller) for link in links]
        if not found and not kept:
            raise BadFile("nothing was named that could be taken in. Name a file or a folder, or send files")
        check_target(collection)
        return self._library.add([*kept, *found], collection=collection, anew=anew)

    def add_examples(self, caller: Caller) -> Job:
        """Take in the photos that come with the program. NothingThere if there are none."""
        if self.photos is None or not self.photos.is_dir():
            raise NothingThere("no photos come with this program. Name a folder of your own")
        return self._library.add([self.photos])

    def preview_import(self, caller: Caller, paths: Sequence[str], *, kind: str = "") -> ImportPreview:
        """What taking in the export of another program would do; nothing is written. Without a `kind` it is found out.

        Forbidden, NothingThere or BadFile says which path cannot be taken, or that it is nobody's export.
        """
        return self._library.importing.preview([self._existing(path, caller) for path in paths], kind=kind)

    def begin_import(self, caller: Caller, paths: Sequence[str], *, kind: str = "") -> Job:
        """Take in the export of another program, where it lies, with all that it says. As `preview_import` raises."""
        found = [self._existing(path, caller) for path in paths]
        return self._library.importing.begin(found, kind=kind, conversations=not caller.session)

    def export_everything(self, caller: Caller, folder: str) -> Job:
        """All files, what was said of them, albums, and the caller's conversations, into a folder of this machine.

        Forbidden for callers from elsewhere, Conflict if other things lie there.
        """
        exporting = self._library.exporting
        require_local(caller, "export the library into a folder")
        return exporting.begin(self._check_named(folder, caller, new=True), session=caller.session)

    def write_sidecars(self, caller: Caller, sources: Sequence[int] = (), *, dry_run: bool = False) -> Job:
        """Write what somebody said of these photos, or of all, into sidecars beside them; `dry_run` only counts.

        Forbidden for callers from elsewhere: it writes into folders of this machine.
        """
        sidecars = self._library.sidecars
        require_local(caller, "write sidecars beside photos")
        return sidecars.begin(sources, dry_run=dry_run)

    @requires("ask")
    def find_older_index(self, caller: Caller) -> str:
        """The index that an earlier version made, if this one has not read its files yet; "" if there is none."""
        return find_older_index(self.assistant.config, self.assistant.store)

    def upgrade(self, caller: Caller) -> Job:
        """Read the files of that index anew, with albums and own words. NothingThere if there is none."""
        older = find_older_index(self.assistant.config, self.assistant.store)
        if not older:
            raise NothingThere("no earlier version has left an index whose files are not read. Add files as usual")
        return take_over(self._library, older)

    def watch(self, caller: Caller, folder: str) -> Job:
        """Take a folder in, now and whenever something changes in it."""
        return self._library.watch(self._check_named(folder, caller))

    def unwatch(self, caller: Caller, folder: str) -> bool:
        """Watch it no longer; what is known of it stays. False if it was not watched."""
        return self._library.unwatch(folder)

    @requires("ask")
    def list_watched(self, caller: Caller) -> list[str]:
        """The folders that are watched, sorted."""
        return self._library.list_watched()

    def forget(self, caller: Caller, paths: Sequence[str]) -> int:
        """Take files out for good; the files themselves stay. Returns how many paths were known."""
        return self._library.forget(paths)

    def take_out(self, caller: Caller, paths: Sequence[str]) -> Taken:
        """Forget files; `put_back` undoes it for library.undo_s seconds."""
        return self._library.take_out(paths)

    def list_taken(self, caller: Caller) -> list[Taken]:
        """What can be put back, the newest first."""
        return self._library.list_taken()

    def put_back(self, caller: Caller, token: str) -> int:
        """Undo a `take_out`; returns how many files came back."""
        return self._library.put_back(token)

    def assign(self, caller: Caller, paths: Sequence[str], collection: str) -> int:
        """Put files into a collection; "library" takes them out of any. Returns how many were elsewhere before."""
        check_target(collection)
        return self._library.assign(paths, collection)

    def rename_collection(self, caller: Caller, old: str, new: str) -> int:
        """Give a collection another name; returns how many files are in it."""
        check_target(new)
        accounts = self.assistant.accounts
        said = (
            accounts.collections.find(old)
            if accounts is not None and old in self.assistant.store.collections()
            else None
        )
        if said is not None:
            require_owner(caller, said.owner, f"the collection {old}")
        count = self._library.rename_collection(old, new)
        if said is not None and accounts is not None:
            accounts.collections.rename(said.name, normalize_collection(new))
        return count

    def describe(self, caller: Caller, source: int, text: str) -> str:
        """Say in one's own words what a photo shows, by its id; returns what is known to be said of it."""
        found = known_source(self.assistant, source)
        if found.kind != "photo":
            raise BadFile(f"{found.name} is no photo but {found.kind}, and only photos are described. Choose another")
        self._library.describe(found, text)
        return self._library.description_of(found).text

    def undo_description(self, caller: Caller, source: int) -> PhotoDescription:
        """Take the last own words about a photo back; returns what is said of it again. BadFile if there are none."""
        found = known_source(self.assistant, source)
        self._library.undo_description(found)
        return self._library.description_of(found)

    @requires("ask")
    def read_facts(self, caller: Caller, source: Source) -> PhotoFacts:
        """All that is known of a photo; of another file where it lies."""
        return self._library.read_facts(source)

    @requires("ask")
    def find_source(self, caller: Caller, source: int) -> Source:
        """A file of the library by its id. NothingThere if there is none: pictures of questions are somebody's own."""
        return known_source(self.assistant, source)

    def verify(self, caller: Caller) -> Job:
        """Compare index, cache and disk."""
        return self._library.verify()

    def repair(self, caller: Caller, *, forget: bool = False) -> Job:
        """Mend what a check finds; with `forget` files that are gone are taken out."""
        return self._library.repair(forget=forget)

    def backup(self, caller: Caller, file: str = "") -> Job:
        """Everything into one file; without a name into a new one in the library's own folder.

        Forbidden if the file is not the caller's to name, Conflict if something else than a backup lies there.
        """
        if not file.strip():
            return self._library.backup(new_backup(self.assistant.config.data))
        return self._library.backup(self._check_named(file, caller, new=True))

    def list_backups(self, caller: Caller) -> list[Path]:
        """Those in the library's own folder, the newest first."""
        return backups_in(self.assistant.config.data)

    def check_backup(self, caller: Caller, file: str | Path = "") -> Job:
        """Restore a backup as a trial, into a temporary folder; without a name the newest in the library's folder.

        NothingThere if there is none. From elsewhere only those in the library's own folder are tried.
        """
        own = self.list_backups(caller)
        if not str(file).strip() and not own:
            raise NothingThere("there is no backup in the library's folder. Make one first")
        return self._library.check_backup(self._find_backup(caller, file or own[0], "check"))

    @requires("ask")
    def last_check(self, caller: Caller) -> Job | None:
        """The job that last tried to restore a backup; None where none did."""
        return self._library.last_check()

    @requires("settings")
    def restore(self, caller: Caller, file: str | Path) -> Job:
        """Everything as it was when the backup was made, the conversations of all callers too.

        A text without a slash names a backup in the library's own folder, and from elsewhere only these are restored:
        another file could hold settings, paths, and folders to watch that no caller from elsewhere may name.
        NothingThere if there is none of that name.
        """
        found = self._find_backup(caller, file, "restore")
        self.stop_answers()
        return self._library.restore(found)

    def _find_backup(self, caller: Caller, file: str | Path, what: str) -> Path:
        own = backups_in(self.assistant.config.data)
        found = next((path for path in own if str(file) in (path.name, str(path))), None)
        if found is None and isinstance(file, str) and "/" not in file:
            raise NothingThere(f"no backup is called {file}. See which there are: GET /library/backups")
        if found is None:
            require_local(caller, f"{what} a file that is none of the library's own backups")
            found = Path(file)
        return found

    @requires("settings")
    def delete_everything(self, caller: Caller) -> int:
        """Forget every file, upload and task, and the conversations of all callers; settings stay.

        Returns how many files are left, which is none.
        """
        self.stop_answers()
        self._library.delete_everything()
        return self.assistant.store.counts().sources

    def find_duplicates(self, caller: Caller) -> Job:
        """Look for near duplicates among all photos."""
        return self._library.duplicates()

    @requires("ask")
    def list_duplicates(self, caller: Caller, keep: Keep = "largest") -> list[Twins]:
        """Groups that the last look found and that are still there; `keep` says which of a group stands first."""
        return self._library.twins(keep)

    @requires("ask")
    def last_look(self, caller: Caller) -> int:
        """Id of the job that looked for near duplicates last; 0 where none did."""
        return self._library.last_look_id()

    def tell_apart(self, caller: Caller, sources: Sequence[int]) -> int:
        """Say that photos are no duplicates of each other; returns how many pairs that is new for."""
        return self._library.tell_apart(sources)

    def measure_health(self, caller: Caller) -> Health:
        """Recall, what belongs to nothing, what failed, how large everything is, what is left of deleted things."""
        return self._library.health()

    def find_traces(self, caller: Caller, text: str) -> list[LeftoverText]:
        """Where a text of something deleted still stands in the library's files."""
        return self._library.find_traces(text)

    @requires("ask")
    def list_jobs(
        self, caller: Caller, *, states: Sequence[State] = (), kinds: Sequence[str] = KINDS, limit: int = -1
    ) -> list[Job]:
        """The library's own work, the latest first; what callers asked as tasks is theirs, and no part of it."""
        own = [kind for kind in kinds if kind in KINDS]
        if not current_viewer().hidden:
            return self._library.jobs.find(kinds=own, states=states, limit=limit)
        seen = filter(is_visible, self._library.jobs.find(kinds=own, states=states, limit=-1))
        return [conceal_file(job) for job in islice(seen, None if limit < 0 else limit)]

    @requires("ask")
    def find_job(self, caller: Caller, job: int) -> Job:
        """One of them. NothingThere if it is none of the library's."""
        return self._job(job)

    @requires("ask")
    def follow_job(self, caller: Caller, job: int) -> Iterator[Job]:
        """The job now, whenever it has changed, and once a second anyway; the last one has ended."""
        return map(conceal_file, follow(self._library.jobs, self._job(job).id))

    @requires("ask")
    def list_failures(self, caller: Caller, job: int, *, limit: int = -1, offset: int = 0) -> list[Failed]:
        """What it could not do, oldest first, but for files that are hidden from the current viewer."""
        jobs, found = self._library.jobs, self._job(job)
        if not current_viewer().hidden:
            return jobs.failures(found.id, limit=limit, offset=offset)
        seen = [each for each in jobs.failures(found.id, limit=-1) if not self.assistant.store.is_hidden(each.item)]
        return seen[offset:][: None if limit < 0 else limit]

    def cancel_job(self, caller: Caller, job: int) -> Job:
        """End it for good: at once if it waits, soon if it runs; one that ended stays so."""
        self._library.jobs.cancel(self._job(job).id)
        return self._job(job)

    def retry_job(self, caller: Caller, job: int) -> Job:
        """Do what failed again, and only that: a new job. Conflict if nothing failed."""
        again = self._library.jobs.retry(self._job(job).id)
        if again is None:
            raise Conflict(f"nothing failed in job {job}, so nothing is tried again. Look: GET /library/jobs/{job}")
        return again

    def list_processes(self, caller: Caller) -> list[ListedProcess]:
        """The servers and workers of a library on a server, each with the jobs in hand that the caller may know of;
        none where the library lies in files.
        """
        place = server_place(self.assistant.config, "jobs")
        if place is None:
            return []
        known = {job.id: job.title for job in self.list_jobs(caller, states=("running",))}
        listed = [(each, [job for job in each.jobs if job in known]) for each in list_processes(place)]
        return [replace(each, jobs=tuple(jobs), doing=tuple(known[job] for job in jobs)) for each, jobs in listed]

    @property
    def _library(self) -> Library:
        return self.assistant.library

    def _check_named(self, path: str, caller: Caller, *, new: bool = False) -> Path:
        config = self.assistant.config
        return check_path(path, caller, config.serve, new=new, own=config.data)

    def _existing(self, path: str, caller: Caller) -> Path:
        found = self._check_named(path, caller)
        if not os.path.lexists(found):
            raise NothingThere(f"there is nothing at {found}. Check the name")
        return found

    def _fetch(self, link: str, caller: Caller) -> Path:
        """Where what lies at the address is kept here."""
        serve = self.assistant.config.serve
        if not (caller.local or serve.fetch_urls):
            raise Forbidden(
                "nothing is fetched from addresses for callers from elsewhere. Send the file itself, or ask whoever "
                "runs the server to switch on serve.fetch_urls"
            )
        file = (self.fetch or Fetcher(serve).fetch_file)(link)
        return keep_fetched(file.name, file.data, self.assistant.config.data, self._library.files)

    def _job(self, job: int) -> Job:
        found = self._library.jobs.get(job)
        if found.kind not in KINDS or not is_visible(found):
            raise NothingThere(f"job {job} is none of the library's. If you asked it, look: GET /tasks")
        return conceal_file(found)


def check_target(collection: str) -> None:
    """Conflict if nothing can be put into a collection of this name: the current viewer may not see it."""
    if collection.strip() and normalize_collection(collection) in current_viewer().hidden:
        raise Conflict(f"the collection {normalize_collection(collection)} is somebody else's. Choose another name")


def is_visible(job: Job) -> bool:
    """Whether the current viewer may know of this job: into no collection that is hidden from them."""
    return job.payload.get("collection", "") not in current_viewer().hidden


def conceal_file(job: Job) -> Job:
    """Without the file at hand where some are hidden from the current viewer: work on all of the library names each."""
    return replace(job, message="") if current_viewer().hidden and job.state == "running" else job


def known_source(assistant: Assistant, source: int) -> Source:
    """A file of the library by its id. NothingThere if there is none: pictures of questions are somebody's own."""
    found = assistant.store.sources(Filter(source_ids=(source,)), limit=1)
    if not found:
        raise NothingThere(f"no file {source} in the library. It was taken out, or read anew: list /library/sources")
    return found[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class RulesService:
    """The rules of one library."""

    assistant: Assistant

    @requires("ask")
    def read(self, caller: Caller) -> str:
        """The text that is kept; empty at first."""
        return kept_rules(self.assistant.config.data)

    @requires("library")
    def write(self, caller: Caller, text: str) -> tuple[Rule, ...]:
        """Keep these, if all of them can be understood. BadProgram points at what cannot."""
        rules = rules_of(text.splitlines())
        keep_rules(self.assistant.config.data, text)
        return rules

    @requires("ask")
    def check(self, caller: Caller, rules: Sequence[Rule], *, collection: str = LIBRARY) -> Iterator[Checked]:
        """In which photos each rule holds, and by which boxes. Nothing is kept."""
        return self.assistant.check_rules(rules, collection=collection)
