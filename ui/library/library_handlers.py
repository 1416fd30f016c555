"""Handlers of the Library tab: plain functions, tested without a browser. Each says in a sentence what it did.

Long work is only begun here: it is a job, which `looking` shows as it goes on.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from deepseek_mm import Assistant, Caller, Job, Services
from index import LIBRARY
from ui import edges
from ui.edges import ActionResult
from ui.library import library_report
from ui.library.library_report import WATCH
from ui.words import UiTexts, count_noun


@dataclass(frozen=True, kw_only=True)
class LibraryHandlers:
    """Handlers of the Library tab."""

    services: Services
    words: UiTexts

    @property
    def assistant(self) -> Assistant:
        """Whose library it is."""
        return self.services.library.assistant

    def is_busy(self, caller: Caller) -> bool:
        """Whether something is being done, or waits."""
        active = self.services.library.list_jobs(caller, states=("running", "waiting"))
        return any(job.kind != WATCH for job in active)

    def add(self, caller: Caller, files: Sequence[str] | None, path: str, collection: str = "") -> ActionResult:
        """Index files that were dropped, and a file or folder of this machine; into one collection if it is named."""

        def begin() -> str:
            paths = [_parse_path(path, caller)] if path.strip() else []
            job = self.services.library.add(caller, paths, uploads=files or (), collection=collection)
            return self._begun(job, self.words.added)

        return self.say(begin if files or path.strip() else str, otherwise=self.words.add_nothing)

    def add_bundled(self, caller: Caller) -> ActionResult:
        """Index the bundled photos: something to begin with."""
        return self.say(lambda: self._begun(self.services.library.add_examples(caller), self.words.added))

    def watch(self, caller: Caller, path: str) -> ActionResult:
        """Index a folder now, and whenever something changes in it."""

        def begin() -> str:
            folder = _parse_path(path, caller)
            self.services.library.watch(caller, folder)
            return self.words.watching.format(folder=folder)

        return self.say(begin if path.strip() else str, otherwise=self.words.watch_which)

    def act(self, caller: Caller, act: object, what: object) -> ActionResult:
        """A button in a list was pressed; both words come from the browser, and may be anything."""
        acts = {"cancel": self._cancel, "retry": self._retry, "unwatch": self._unwatch, "undo": self._put_back}
        return self.say(lambda: acts[str(act)](caller, str(what)) if str(act) in acts else "", otherwise=self.words.bug)

    def take_out(self, caller: Caller, path: str) -> ActionResult:
        """Forget a file or what lies below a folder; it can be put back for a while."""
        typed = _parse_path(path, caller)
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

        def assign() -> str:
            self.services.library.assign(caller, paths, name)
            return self.words.collection_has.format(
                files=count_noun(self.words.files, len(paths)), name=_parse_collection(name)
            )

        return self.say(assign if name.strip() else str, otherwise=self.words.collection_which)

    def release(self, caller: Caller, paths: Sequence[str], name: str) -> ActionResult:
        """Take files out of their collection; they stay in the library."""

        def leave() -> str:
            self.services.library.assign(caller, paths, LIBRARY)
            return self.words.collection_left.format(files=count_noun(self.words.files, len(paths)), name=name)

        return self.say(leave)

    def rename(self, caller: Caller, old: str, new: str) -> ActionResult:
        """Give a collection another name."""

        def rename() -> str:
            self.services.library.rename_collection(caller, old, new)
            return self.words.collection_renamed.format(name=_parse_collection(new))

        return self.say(rename if new.strip() else str, otherwise=self.words.collection_which)

    def verify(self, caller: Caller) -> ActionResult:
        """Compare store, cache and disk."""
        return self.say(lambda: self._begun(self.services.library.verify(caller)))

    def repair(self, caller: Caller, forget: bool) -> ActionResult:
        """Mend what a check finds."""
        return self.say(lambda: self._begun(self.services.library.repair(caller, forget=forget)))

    def backup(self, caller: Caller, path: str) -> ActionResult:
        """Back up to this file, or to one with the time in its name."""
        typed = _parse_path(path, caller) if path.strip() else ""
        return self.say(lambda: self._begun(self.services.library.backup(caller, typed)))

    def restore(self, caller: Caller, path: str) -> ActionResult:
        """Everything as it was when this backup was made."""

        def begin() -> str:
            return self._begun(self.services.library.restore(caller, _parse_path(path, caller)))

        return self.say(begin if path.strip() else str, otherwise=self.words.restore_which)

    def empty(self, caller: Caller, typed: str) -> ActionResult:
        """Delete everything, if the right words were typed."""
        word = self.words.empty_word

        def delete() -> str:
            self.services.library.delete_everything(caller)
            return self.words.emptied

        right = " ".join(typed.lower().split()) == word
        return self.say(delete if right else str, otherwise=self.words.empty_wrong.format(word=word))

    def say(self, act: Callable[[], str], *, otherwise: str = "") -> ActionResult:
        """What it says; an error becomes a sentence. `otherwise` is what is wrong when it says nothing."""
        try:
            said = act()
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return ActionResult(text=edges.sentence(error, self.words), wrong=True)
        return ActionResult(text=said) if said else ActionResult(text=otherwise, wrong=True)

    def _begun(self, job: Job, text: str = "") -> str:
        return (text or self.words.begun).format(title=library_report.title(job, self.words))

    def _cancel(self, caller: Caller, job_id: str) -> str:
        self.services.library.cancel_job(caller, edges.number(job_id))
        return self.words.cancelled

    def _retry(self, caller: Caller, job_id: str) -> str:
        self.services.library.retry_job(caller, edges.number(job_id))
        return self.words.retried

    def _put_back(self, caller: Caller, token: str) -> str:
        return count_noun(self.words.put_back, self.services.library.put_back(caller, token))

    def _unwatch(self, caller: Caller, folder: str) -> str:
        self.services.library.unwatch(caller, folder)
        return self.words.unwatched.format(folder=folder)


def _parse_path(path: str, caller: Caller) -> str:
    """A path as typed or pasted, quotes included; "~" is the home of this machine's people only."""
    bare = path.strip().strip("\"'")
    return os.path.abspath(os.path.expanduser(bare)) if caller.local else bare


def _parse_collection(collection: str) -> str:
    """A collection name with single spaces, as it is stored."""
    return " ".join(collection.split())
