"""Library: what the page and the command line do to the shelves. Long work becomes a job; its handlers are joined here.

A Library that was not started only writes jobs down; `start` begins to work on whatever waits, also from earlier runs.
"""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL.Image import Image

from deepseek_mm.answering.code_edits import edit_store
from deepseek_mm.code_graph.graph_store import GraphStore
from deepseek_mm.config import Config
from deepseek_mm.dates import Ages
from deepseek_mm.errors import BadFile, LibraryError, NothingThere
from deepseek_mm.history import History
from deepseek_mm.ingest.photo_words import is_own
from deepseek_mm.jobs import Job, Jobs, State, Task
from deepseek_mm.learning import LEARN, REPLACED, Learning
from deepseek_mm.library.backup import BACKUP, KEPT, RESTORE, BackupTarget, Bundle
from deepseek_mm.library.backup_schedule import CHECK_BACKUP, BackupSchedule, BackupTrial
from deepseek_mm.library.batches import SEEN, is_visible
from deepseek_mm.library.code_pass import MAP, CodePass
from deepseek_mm.library.crew import QUEUES, Crew, kinds_of
from deepseek_mm.library.drives import Drives, guess_roots
from deepseek_mm.library.dropped_files import clear_files, close_files, open_files, tidy
from deepseek_mm.library.duplicates import DUPLICATES, Duplicates, Keep, Twins, keep_apart, read_apart, twins_of
from deepseek_mm.library.face_pass import FACES, FacePass
from deepseek_mm.library.folder_watcher import RESOLVED, WATCH, Watch
from deepseek_mm.library.git_clone import FOLDER as REPOSITORIES
from deepseek_mm.library.health import REPAIR, VERIFY, Health, LeftoverText, LibraryCheck, examine, search_traces
from deepseek_mm.library.import_jobs import ImportingHandlers, OwnExportHandlers
from deepseek_mm.library.index_jobs import (
    IMPORT,
    INDEX,
    IndexingHandlers,
    below,
    job_title,
    lock_of,
    normalize_collection,
    spellings,
)
from deepseek_mm.library.library_export import EXPORT, ExportingHandlers, open_sharing
from deepseek_mm.library.photo_facts import PhotoFacts, PhotoFactsReader
from deepseek_mm.library.sidecar_jobs import SIDECARS, SidecarHandlers
from deepseek_mm.library.trash import Taken, Trash, sweep
from deepseek_mm.parse.document import absolute, real_path
from deepseek_mm.types import PhotoDescription
from deepseek_mm.vision.ocr import TextReader
from deepseek_mm.vision.pipeline import VisionPipeline
from index import Filter, Source
from index.database import StoreReadOnly
from index.region import LIBRARY, MovedFile, current_viewer
from index.store import RegionStore

ACTIVE: tuple[State, ...] = ("waiting", "running")
OVER: tuple[State, ...] = ("done",)
MOST_WORDS = 500  # letters of a description
MOST_REPLACED = 20  # earlier descriptions of a photo that can come back
NO_BACKUP = "no backup at {file}. Make one with: python -m deepseek_mm library backup FILE"
UNKNOWN = "the library does not know {name} any more. Index it again"
REST_S = 30.0  # how long work may take to stop before all is deleted


class Library:
    """One library's shelves. Everything it uses is handed in."""

    def __init__(
        self,
        config: Config,
        *,
        eyes: VisionPipeline,
        reader: TextReader,
        store: RegionStore,
        jobs: Jobs,
        history: History,
    ) -> None:
        self.config, self.jobs, self.history, self._reader, self._ages = config, jobs, history, reader, Ages()
        self.files = open_files(config, jobs, lambda: self.store)
        self.crew = Crew(jobs, without=kinds_of(tuple(QUEUES)) if config.storage.workers else ())
        self._facts, self._graph = PhotoFactsReader(config.parse), GraphStore(config.data)
        self.drives = Drives(config.data, has_store=bool(config.storage.files))
        self._join_parts(eyes, store)

    def _join_parts(self, eyes: VisionPipeline, store: RegionStore) -> None:
        """What looks at files and keeps what was seen, and the work that is done with it."""
        config, jobs, history, self.store = self.config, self.jobs, self.history, store
        self.filling = filling = IndexingHandlers(
            eyes=eyes,
            store=store,
            jobs=jobs,
            reader=self._reader,
            config=config.parse,
            read_text=config.library.read_text,
            describe=config.library.describe,
            roots=[root.strip() for root in config.serve.roots.split(os.pathsep) if os.path.isabs(root.strip())],
            taught=lambda: self.learning.list_descriptions(),
            moved=self._note_moved,
            then=self._begin_passes,
            drives=self.drives,
            files=self.files,
        )
        self.quarantine = aside = filling.quarantine
        self.faces = FacePass(
            store=store, jobs=jobs, quarantine=aside, drives=self.drives, config=lambda: self.config.people
        )
        self.code = CodePass(store=store, jobs=jobs, graph=self._graph, config=config.parse)
        check = LibraryCheck(filling=filling, history=history, config=config, then=self._begin_passes)
        self.learning = Learning(config, eyes=eyes, jobs=jobs, history=history)
        self._trash = Trash(config.data, store, ages=self._ages, files=self.files)
        bundle = Bundle(
            config=config, store=store, history=history, jobs=jobs, trash=self._trash, restored=self._note_restored
        )
        self._schedule = BackupSchedule(config=config, jobs=jobs)
        self._trial = trial = BackupTrial(bundle=bundle, schedule=self._schedule, space=eyes.index_space)
        keeping = {BACKUP: trial.backup, RESTORE: bundle.restore, CHECK_BACKUP: trial.check}
        share = partial(open_sharing, config, filling, history)
        restoring = OwnExportHandlers(filling=filling, describe=self.describe, sharing=share)
        self.importing = ImportingHandlers(filling=filling, restoring=restoring)
        self.exporting = ExportingHandlers(filling=filling, sharing=share)
        towers = filling.handlers | {IMPORT: self.importing.run}  # one of these at a time
        self.sidecars = SidecarHandlers(filling=filling)
        self.crew.set_groups(
            towers,
            {VERIFY: check.verify, REPAIR: check.repair, **keeping},
            {SIDECARS: self.sidecars.run, EXPORT: self.exporting.run},
            {DUPLICATES: Duplicates(store=store, quarantine=self.quarantine).look},
            {FACES: self.faces.run},  # not behind the reading of texts: somebody waits for people
            {MAP: self.code.run},
            {LEARN: self.learning.run},
            {WATCH: Watch(changed=self._index_changes, poll=config.library.watch_poll).run},
            threads={WATCH: config.library.most_watched},
        )

    def use_store(self, eyes: VisionPipeline, store: RegionStore) -> None:
        """Go on with another store and what fills it; work under way begins anew with them.

        What was taken out of the store before stays out, and cannot be put back any more.
        """
        working = self.crew.is_started
        self._schedule.stop()
        self.crew.stop(everything=False)
        self._join_parts(eyes, store)
        if working:
            self.crew.start(everything=False)
            self._schedule.start()

    def start(self) -> None:
        """Begin to work on whatever waits; folders whose watch broke off are watched again."""
        if self.store.read_only:
            return
        sweep(self.config.data, is_shared=bool(self.config.storage.url))
        self.purge()
        for job in self._watches("failed"):
            self.jobs.add(WATCH, job.payload, title=job.title, unique=True)
            self.jobs.forget([job.id])
        self._remember_folders()
        self.filling.add_renewal()
        self._begin_passes()
        self.crew.begin_serving(self.filling.eyes.index_space.fingerprint)
        self._schedule.start()

    def _begin_passes(self) -> None:
        """Write down what else is to be done with files, once they were taken in."""
        self.faces.begin()
        self.code.begin()

    def _note_restored(self) -> None:
        """Everything is as it was in a backup."""
        self.learning.use()
        self._begin_passes()

    def _remember_folders(self) -> None:
        """Those that are watched, and all that an earlier version indexed and did not remember."""
        known = [] if self.drives.remembers else self.jobs.find(kinds=(INDEX,), limit=-1)
        indexed = [str(path) for job in known for path in job.payload.get("paths", ())]
        self.drives.note([*self.list_watched(), *guess_roots(indexed)])

    def stop(self) -> bool:
        """Leave what is under way to the next start; whether everything has come to rest."""
        self._schedule.stop()
        return self.crew.stop()

    def add(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        collection: str = "",
        anew: bool = False,
        forget: bool | None = None,
    ) -> Job:
        """Take files and folders in; a path with a link in it stands for where that leads now. `forget` takes out what
        is gone below them; None is the setting.

        All of it goes into the `collection` of that name; without one, what is known stays where it is. An equal job
        that is under way is joined. BadFile if a name is no text or is taken. What cannot be read is listed with it.
        """
        payload = {"collection": normalize_collection(collection) if collection.strip() else "", "anew": anew}
        if payload["collection"] and (hidden := current_viewer().hidden):
            payload["protected"] = sorted(hidden)  # nothing is taken out of what whoever asks may not see
        return self._add([real_path(path) for path in paths], payload, forget=forget, unique=True)

    def _add(
        self, paths: Sequence[str | os.PathLike[str]], payload: dict[str, Any], *, forget: bool | None, unique: bool
    ) -> Job:
        names = [absolute(path) for path in paths]
        payload |= {"paths": names, "forget": self.config.library.forget_gone if forget is None else forget}
        payload |= {SEEN: [name for name in names if is_visible(name)]} if self.jobs.is_shared else {}
        return self.jobs.add(INDEX, payload, title=f"Index {job_title(names)}", unique=unique, lock=lock_of(names))

    def read_text(self, source: Source) -> None:
        """See that the text in this file's pictures was read; what cannot be read or written down now has none."""
        with suppress(BadFile, NothingThere, StoreReadOnly):
            self.filling.read_now(source)

    @property
    def text_reader(self) -> TextReader:
        """What reads the writing in pictures."""
        return self.filling.reader

    def lines_in(self, image: Image) -> list[str]:
        """The lines that are written in a picture, from top to bottom. MissingPackage."""
        return [line.text for line in self.filling.reader.lines(image)]

    def description_of(self, source: Source) -> PhotoDescription:
        """What was said of a photo, in somebody's own words or by a machine; empty where nothing was."""
        regions = self.store.regions_of([source.id]).get(source.id, ())
        said = [region for region in regions if is_own(region)] + [r for r in regions if r.machine_made]
        return PhotoDescription(text=said[0].text, machine_made=said[0].machine_made) if said else PhotoDescription()

    def describe(self, source: Source, text: str) -> None:
        """Describe a photo in somebody's own words. BadFile if there are none, NothingThere if the photo is unknown."""
        words = " ".join(text.split())[:MOST_WORDS]
        if not words:
            raise BadFile("a description needs words. Type some, for example: a dog on a beach")
        said = self.description_of(source)
        if said == PhotoDescription(text=words):
            return
        self._reword(source, words, (*self.learning.list_replaced(source.path), said))

    def undo_description(self, source: Source) -> None:
        """Take somebody's last words about a photo back: what was said before them stands there again.

        BadFile if nobody has described it in own words, NothingThere if the photo is unknown.
        """
        said, replaced = self.description_of(source), self.learning.list_replaced(source.path)
        if said.machine_made or not said.text:
            raise BadFile(f"nobody has described {source.name} in own words, so there are none to take back")
        before = replaced[-1] if replaced else PhotoDescription()
        if before.text and not before.machine_made:
            self._reword(source, before.text, replaced[:-1])
            return
        if not self.filling.unword(source, before.text):
            raise NothingThere(UNKNOWN.format(name=source.name))
        self.learning.untell(source.path)

    def _reword(self, source: Source, words: str, replaced: Sequence[PhotoDescription]) -> None:
        if not self.filling.reword(source, words):
            raise NothingThere(UNKNOWN.format(name=source.name))
        rows = [[each.text, each.machine_made] for each in replaced[-MOST_REPLACED:]]
        self.learning.teach([{"image": source.path, "words": words, REPLACED: rows}])

    def read_facts(self, source: Source) -> PhotoFacts:
        """All that is known of a photo, for whoever looks at it; of another file where it lies."""
        facts = self._facts.read(source, self.store, self.description_of)
        return replace(facts, away=self.drives.find_barrier(source.path))

    def watch(self, folder: str | os.PathLike[str]) -> Job:
        """Take a folder in, now and whenever something changes in it. BadFile if it is no folder."""
        name = real_path(folder)
        if not os.path.isdir(name):
            raise BadFile(f"{name} is no folder, so there is nothing to watch. Name a folder")
        self.drives.note([name])
        return self.jobs.add(WATCH, {"folder": name, RESOLVED: True}, title=f"Watch {name}", unique=True)

    def list_watched(self) -> list[str]:
        """The folders that are watched, sorted."""
        return sorted({str(job.payload["folder"]) for job in self._watches(*ACTIVE)})

    def unwatch(self, folder: str | os.PathLike[str]) -> bool:
        """Stop watching; what is known of the folder stays. False if it was not watched."""
        found = [job for job in self._watches(*ACTIVE) if job.payload["folder"] in spellings([folder])]
        for job in found:
            self.jobs.cancel(job.id)
        return bool(found)

    def forget(self, paths: Sequence[str | os.PathLike[str]]) -> int:
        """Take files out, also those below folders, with what was said of them; the files themselves stay.

        Returns how many paths were known.
        """
        known = below(spellings(paths), self.store)
        digests = [stamp.digest for stamp in self.store.stamps(within=known).values()]
        count = self.store.remove_places(known)
        self.store.curation.forget(digests)
        if self.files:
            self.files.drop_unused(digests)
        self.store.people.purge()
        self.code.purge()
        self.store.renew_cache()
        return count

    def take_out(self, paths: Sequence[str | os.PathLike[str]]) -> Taken:
        """As `forget`, but `put_back` undoes it, for `library.undo_s` seconds at least.

        A folder that is watched still holds its files: whatever changes there is taken in again, as after `forget`.
        """
        taken = self._trash.take(below(spellings(paths), self.store))
        self.purge()
        return taken

    def list_taken(self) -> list[Taken]:
        """What can be put back, the newest first: what was taken out since the program began, and not too long ago."""
        return self._trash.list_taken(self.config.library.undo_s)

    def put_back(self, token: str) -> int:
        """Undo a `take_out`: all that was known is known again, and nothing has to be looked at anew.

        A file that was indexed again meanwhile stays as it is now. Returns how many sources came back. NothingThere
        when they are gone for good.
        """
        count = self._trash.put_back(token)
        self._begin_passes()
        return count

    def purge(self, older_s: float | None = None) -> None:
        """What was taken out longer ago than that, or than `library.undo_s`, is gone for good.

        So is every file that was dropped on the page and that nothing knows any more.
        """
        older_s = self.config.library.undo_s if older_s is None else older_s
        if self._trash.purge(older_s):
            self.store.renew_cache()
        self.store.people.purge()
        self.code.purge()
        tidy(self.config, self.jobs, older_s=older_s, ages=self._ages, stored=self.files)

    def assign(self, paths: Sequence[str | os.PathLike[str]], collection: str) -> int:
        """Put files, also those below folders, into the collection of that name; "library" takes them out of any.

        Returns how many sources were elsewhere before. BadFile if nothing can be called that.
        """
        known = below(spellings(paths), self.store)
        return self.store.collect(known, normalize_collection(collection))

    def rename_collection(self, old: str, new: str) -> int:
        """Give a collection another name; if there is one of that name, the two are one from then on.

        Returns how many sources were in it. "library" as the new name dissolves it. BadFile if a name cannot be used,
        NothingThere if there is no such collection.
        """
        if normalize_collection(old) == LIBRARY:
            raise BadFile(f"{LIBRARY} is not a collection but what is in none, so it keeps its name. Name a collection")
        count = self.store.rename_collection(normalize_collection(old), normalize_collection(new))
        if not count and normalize_collection(old) not in self.store.collections():
            there = ", ".join(name for name in self.store.collections() if name != LIBRARY) or "none yet"
            raise NothingThere(f"no collection is called {normalize_collection(old)!r}. Those there are: {there}")
        return count

    def verify(self) -> Job:
        """Compare store, cache and disk; what does not agree is listed with the job."""
        return self.jobs.add(VERIFY, {}, title="Check the library", unique=True)

    def health(self) -> Health:
        """Recall, what belongs to nothing, what failed, how large everything is, and what is left of deleted things."""
        return examine(self.config, self.filling, in_trash=len(self._trash.files()))

    def find_traces(self, text: str) -> list[LeftoverText]:
        """Where a text of something deleted still stands in the library's files; [] proves that it is gone. BadFile."""
        return search_traces(text, self.config, self.store)

    def repair(self, *, forget: bool = False) -> Job:
        """Mend what a check finds; with `forget` files that are gone are taken out."""
        return self.jobs.add(REPAIR, {"forget": forget}, title="Repair the library", unique=True)

    def duplicates(self) -> Job:
        """Look for near duplicates among all photos; `twins` has what the last look found."""
        return self.jobs.add(DUPLICATES, {}, title="Look for near duplicates", unique=True)

    def twins(self, keep: Keep = "largest") -> list[Twins]:
        """Groups of near duplicates that are still there, those that would free most first.

        In each the photo that `keep` chooses stands first. Empty where nobody has looked, see `looked`.
        """
        job = self._last_look()
        pairs = [(one, other) for one, other in job.result["pairs"]] if job else []
        return twins_of(self.store, pairs, read_apart(self.config.data), keep)

    def last_look_id(self) -> int:
        """Id of the job that looked for near duplicates last; 0 where none did."""
        job = self._last_look()
        return job.id if job else 0

    def tell_apart(self, source_ids: Sequence[int]) -> int:
        """These photos are no duplicates of each other, now and after any look; returns how many pairs that is new for.

        NothingThere if fewer than two of them are in the library.
        """
        ids = tuple(dict.fromkeys(source_ids))
        found = self.store.sources(Filter(source_ids=ids), limit=len(ids)) if ids else []
        if len(found) < 2:
            raise NothingThere(f"{len(found)} of these photos are in the library, and two can be told apart. Name more")
        return keep_apart(self.config.data, found)

    def _last_look(self) -> Job | None:
        over = self.jobs.find(kinds=(DUPLICATES,), states=OVER, limit=3)
        return next((job for job in over if "pairs" in job.result), None)

    def backup(self, file: str | os.PathLike[str]) -> Job:
        """Index, history, uploads and settings into one file, while everything goes on.

        Conflict or BadFile if something else than an older backup lies there.
        """
        name = Path(absolute(file))
        target = BackupTarget.of(name.parent.resolve() / name.name, self.config.data)
        return self.jobs.add(BACKUP, {"file": str(target.path)}, title=f"Back up to {target.path}", unique=True)

    def check_backup(self, file: str | os.PathLike[str]) -> Job:
        """Restore a backup as a trial, into a temporary folder. BadFile if there is no such file."""
        if not os.path.isfile(file):
            raise BadFile(NO_BACKUP.format(file=file))
        return self._trial.check_later(Path(absolute(file)))

    def last_check(self) -> Job | None:
        """The job that last tried to restore a backup, and has ended; None where none did."""
        over = self.jobs.find(kinds=(CHECK_BACKUP,), states=("done", "failed"), limit=1)
        return over[0] if over else None

    def restore(self, file: str | os.PathLike[str]) -> Job:
        """Everything as it was when the file was made. BadFile if there is no such file."""
        if not os.path.isfile(file):
            raise BadFile(NO_BACKUP.format(file=file))
        return self.jobs.add(RESTORE, {"file": absolute(file)}, title=f"Restore {absolute(file)}", unique=True)

    def delete_everything(self) -> None:
        """Forget every file, vector, conversation, upload and job, so that nothing of them remains in the library.

        The photos and documents themselves are not the library's, and stay. Settings stay too. LibraryError if other
        work, of another process perhaps, does not come to rest; then nothing was deleted.
        """
        clear_files(self.files)  # the first, since a store may be away
        self._rest()
        self._trash.clear()
        self.store.clear()
        clear_files(self.files)
        self.history.clear()
        self._graph.clear()
        self.jobs.clear()
        sweep(self.config.data, everything=True)
        own, folders = Path(self.store.folder).resolve(), (*KEPT, REPOSITORIES, edit_store.FOLDER, "page")
        for name in folders:
            shutil.rmtree(self.config.data / name, ignore_errors=True)
        for folder in (self.config.data / "spaces").glob("*"):
            if folder.resolve() != own:
                shutil.rmtree(folder, ignore_errors=True)
        self.drives.clear()
        self.learning.use()
        self.start()

    def _rest(self) -> None:
        """Cancel all work, whichever process does it, and wait until nobody does any: it would add what is deleted."""
        for job in self.jobs.find(states=ACTIVE, limit=-1, by=None):
            self.jobs.cancel(job.id)
        self.stop()
        until_s = time.monotonic() + REST_S
        while running := self.jobs.find(states=ACTIVE[1:], limit=1, by=None):
            if time.monotonic() > until_s:
                self.start()
                raise LibraryError(
                    f"{running[0].title} is still under way and does not stop. Nothing was deleted; wait a little, "
                    "or end the other program that uses this library, and try again"
                )
            time.sleep(0.05)

    def close(self) -> None:
        """Stop working and let go of the table of jobs."""
        self.stop()
        self._graph.close()
        self.jobs.close()
        close_files(self.files)

    def _watches(self, *states: State) -> list[Job]:
        """Jobs that watch folders, in these states; not those that are about to end."""
        return [job for job in self.jobs.find(kinds=(WATCH,), states=states, limit=-1) if not job.cancelling]

    def _note_moved(self, moves: Sequence[MovedFile]) -> None:
        """What was asked and taught about files holds for them where they lie now."""
        self.history.move_files(moves)
        self.learning.move_files({each.old: each.new for each in moves})

    def _index_changes(self, task: Task, paths: Sequence[str]) -> None:
        """Something happened at these paths of a watched folder; an equal job under way may be past them already."""
        self._add(paths, {}, forget=None, unique=False)
