"""Handlers of the Library tab: plain functions, tested without a browser. Each says in a sentence what it did.

Long work is only begun here: it is a job, which `looking` shows as it goes on.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from deepseek_mm import Caller, Job, is_link
from index import LIBRARY
from ui import edges
from ui.edges import ActionResult, Handlers
from ui.library import library_report
from ui.library.library_report import WATCH
from ui.words import count_noun

ACCESS: Mapping[str, str] = {"open_all": "house", "close": "private", "share_with": "shared"}  # button -> visibility


@dataclass(frozen=True, kw_only=True)
class LibraryHandlers(Handlers):
    """Handlers of the Library tab."""

    def is_busy(self, caller: Caller) -> bool:
        """Whether something is being done, or waits."""
        active = self.services.library.list_jobs(caller, states=("running", "waiting"))
        return any(job.kind != WATCH for job in active)

    def add(self, caller: Caller, files: Sequence[str] | None, path: str, collection: str = "") -> ActionResult:
        """Index files that were dropped, and a file or folder of this machine or what lies at an address.

        Into one collection if it is named.
        """

        def begin() -> str:
            named = path.strip()
            paths = [parse_path(named, caller)] if named and not is_link(named) else []
            links = [named] if is_link(named) else []
            job = self.services.library.add(caller, paths, uploads=files or (), links=links, collection=collection)
            return self._begun(job, self.words.added)

        return self.say(begin if files or path.strip() else str, otherwise=self.words.add_nothing)

    def begin_import(self, caller: Caller, path: str) -> ActionResult:
        """Take in what another program has exported."""

        def begin() -> str:
            job = self.services.library.begin_import(caller, [parse_path(path, caller)])
            return self._begun(job, self.words.added)

        return self.say(begin if path.strip() else str, otherwise=self.words.import_which)

    def add_bundled(self, caller: Caller) -> ActionResult:
        """Index the bundled photos: something to begin with."""
        return self.say(lambda: self._begun(self.services.library.add_examples(caller), self.words.added))

    def watch(self, caller: Caller, path: str) -> ActionResult:
        """Index a folder now, and whenever something changes in it."""

        def begin() -> str:
            folder = parse_path(path, caller)
            self.services.library.watch(caller, folder)
            return self.words.watching.format(folder=folder)

        return self.say(begin if path.strip() else str, otherwise=self.words.watch_which)

    def act(self, caller: Caller, act: object, what: object) -> ActionResult:
        """A button in a list was pressed; both words come from the browser, and may be anything."""
        library, words, named = self.services.library, self.words, str(what)

        def do() -> str:
            if act == "cancel":
                library.cancel_job(caller, edges.number(named))
                return words.cancelled
            if act == "retry":
                library.retry_job(caller, edges.number(named))
                return words.retried
            if act == "upgrade":
                return self._begun(library.upgrade(caller))
            if act == "unwatch":
                library.unwatch(caller, named)
                return words.unwatched.format(folder=named)
            return count_noun(words.put_back, library.put_back(caller, named)) if act == "undo" else ""

        return self.say(do, otherwise=words.bug)

    def take_out(self, caller: Caller, path: str) -> ActionResult:
        """Forget a file or what lies below a folder; it can be put back for a while."""
        typed = parse_path(path, caller)
        return self.take_out_all(caller, [typed] if path.strip() else [], otherwise=self.words.take_out_which)

    def take_out_all(self, caller: Caller, paths: Sequence[str], *, otherwise: str) -> ActionResult:
        """Forget what lies at these paths; `otherwise` is said when there are none."""

        def take() -> str:
            count = self.services.library.take_out(caller, paths).num_sources
            if not count:
                raise edges.BadPath(self.words.taken_out_none.format(path=paths[0]))
            return count_noun(self.words.taken_out, count)

        said = self.say(take if paths else str, otherwise=otherwise)
        return replace(said, shown=said.wrong)

    def collect(self, caller: Caller, paths: Sequence[str], name: str) -> ActionResult:
        """Put files into a collection of this name, which may be a new one."""
        told, which = self.words.collection_has, self.words.collection_which
        shown = " ".join(name.split())
        return self.say(lambda: self._assign(caller, paths, name, told, shown) if shown else "", otherwise=which)

    def release(self, caller: Caller, paths: Sequence[str], name: str) -> ActionResult:
        """Take files out of their collection; they stay in the library."""
        return self.say(lambda: self._assign(caller, paths, LIBRARY, self.words.collection_left, name))

    def rename(self, caller: Caller, old: str, new: str) -> ActionResult:
        """Give a collection another name."""

        def rename() -> str:
            self.services.library.rename_collection(caller, old, new)
            return self.words.collection_renamed.format(name=" ".join(new.split()))

        return self.say(rename if new.strip() else str, otherwise=self.words.collection_which)

    def change_access(self, caller: Caller, name: str, act: str, typed: str) -> ActionResult:
        """Say who sees a collection: all of the house, its owner alone, or also the people whose names were typed."""
        people = [each.strip() for each in re.split("[,，、;]", typed) if each.strip()] if act == "share_with" else []

        def change() -> str:
            said = self.services.collections.change_access(caller, name, visibility=ACCESS[act], readers=people)
            told = {"house": self.words.access_opened, "private": self.words.access_closed}
            shared = self.words.access_shared.format(name=name, people=", ".join(said.readers))
            return told[said.visibility].format(name=name) if said.visibility in told else shared

        return self.say(change if people or act != "share_with" else str, otherwise=self.words.access_which)

    def verify(self, caller: Caller) -> ActionResult:
        """Compare store, cache and disk."""
        return self.say(lambda: self._begun(self.services.library.verify(caller)))

    def repair(self, caller: Caller, forget: bool) -> ActionResult:
        """Mend what a check finds."""
        return self.say(lambda: self._begun(self.services.library.repair(caller, forget=forget)))

    def backup(self, caller: Caller, path: str) -> ActionResult:
        """Back up to this file, or to one with the time in its name."""
        typed = parse_path(path, caller) if path.strip() else ""
        return self.say(lambda: self._begun(self.services.library.backup(caller, typed)))

    def check_backup(self, caller: Caller) -> ActionResult:
        """Restore the newest backup in the library's folder as a trial."""
        return self.say(lambda: self._begun(self.services.library.check_backup(caller)))

    def restore(self, caller: Caller, path: str) -> ActionResult:
        """Everything as it was when this backup was made."""
        restore, typed = self.services.library.restore, path.strip()
        return self.say(
            lambda: self._begun(restore(caller, parse_path(path, caller))) if typed else "",
            otherwise=self.words.restore_which,
        )

    def export_everything(self, caller: Caller, path: str) -> ActionResult:
        """Copy everything into this folder, for other programs."""
        export, typed = self.services.library.export_everything, path.strip()
        return self.say(
            lambda: self._begun(export(caller, parse_path(path, caller))) if typed else "",
            otherwise=self.words.leave_which,
        )

    def empty(self, caller: Caller, typed: str) -> ActionResult:
        """Delete everything, if the right words were typed."""
        word = self.words.empty_word

        def delete() -> str:
            self.services.library.delete_everything(caller)
            return self.words.emptied

        right = " ".join(typed.lower().split()) == word
        return self.say(delete if right else str, otherwise=self.words.empty_wrong.format(word=word))

    def _assign(self, caller: Caller, paths: Sequence[str], collection: str, told: str, name: str) -> str:
        self.services.library.assign(caller, paths, collection)
        return told.format(files=count_noun(self.words.files, len(paths)), name=name)

    def _begun(self, job: Job, text: str = "") -> str:
        return (text or self.words.begun).format(title=library_report.title(job, self.words))


def parse_path(path: str, caller: Caller) -> str:
    """A path as typed or pasted, quotes included; "~" is the home of this machine's people only."""
    bare = path.strip().strip("\"'")
    return os.path.abspath(os.path.expanduser(bare)) if caller.local else bare
