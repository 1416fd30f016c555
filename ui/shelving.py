"""What happens in the Library tab: plain functions, tested without a browser. Each says in a sentence what it did.

Long work is only begun here: it is a job, which `looking` shows as it goes on.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from deepseek_mm import Assistant, Job, Library, keep_dropped, new_backup
from index import LIBRARY
from ui import edges, work
from ui.looking import WATCH
from ui.words import Words, counted


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What the tab answers to a press."""

    text: str
    wrong: bool = False
    shown: bool = True  # False: it stands elsewhere on the tab, and is only read out


@dataclass(frozen=True, kw_only=True)
class Shelving:
    """What happens when something is pressed in the Library tab."""

    assistant: Assistant
    words: Words
    hush: Callable[[], object]  # ends the answers under way, before what they are written into is emptied
    photos: Path | None = None  # the bundled ones, where there are any

    @property
    def library(self) -> Library:
        """The shelves."""
        return self.assistant.library

    def is_busy(self) -> bool:
        """Whether something is being done, or waits."""
        active = self.library.jobs.find(states=("running", "waiting"), limit=-1)
        return any(job.kind != WATCH for job in active)

    def add(self, files: Sequence[str] | None, path: str, collection: str = "") -> Said:
        """Index files that were dropped, and a file or folder of this machine; into one collection if it is named."""

        def begin() -> str:
            paths: list[str | Path] = list(keep_dropped(files or (), self.assistant.config.data))
            if path.strip():
                paths.append(_there(path, self.words))
            if not paths:
                return ""
            return self._begun(self.library.add(paths, collection=collection), self.words.added)

        return self.say(begin, otherwise=self.words.add_nothing)

    def add_bundled(self) -> Said:
        """Index the bundled photos: something to begin with."""

        def begin() -> str:
            return self._begun(self.library.add([self.photos]), self.words.added) if self.photos else ""

        return self.say(begin, otherwise=self.words.bug)

    def watch(self, path: str) -> Said:
        """Index a folder now, and whenever something changes in it."""

        def begin() -> str:
            folder = _typed(path)
            self.library.watch(folder)
            return self.words.watching.format(folder=folder)

        return self.say(begin if path.strip() else str, otherwise=self.words.watch_which)

    def act(self, act: object, what: object) -> Said:
        """A button in a list was pressed; both words come from the browser, and may be anything."""
        acts = {"cancel": self._cancel, "retry": self._retry, "unwatch": self._unwatch, "undo": self._put_back}
        return self.say(lambda: acts[str(act)](str(what)) if str(act) in acts else "", otherwise=self.words.bug)

    def take_out(self, path: str) -> Said:
        """Forget a file or what lies below a folder; it can be put back for a while."""
        typed = _typed(path)
        return self.take_out_all([typed] if path.strip() else [], otherwise=self.words.take_out_which)

    def take_out_all(self, paths: Sequence[str], *, otherwise: str) -> Said:
        """Forget what lies at these paths; `otherwise` is said when there are none."""

        def take() -> str:
            count = self.library.take_out(paths).num_sources
            if not count:
                raise edges.BadPath(self.words.taken_out_none.format(path=paths[0]))
            return counted(self.words.taken_out, count)

        said = self.say(take if paths else str, otherwise=otherwise)
        return replace(said, shown=said.wrong)

    def collect(self, paths: Sequence[str], name: str) -> Said:
        """Put files into a collection of this name, which may be a new one."""

        def put() -> str:
            self.library.assign(paths, name)
            return self.words.collection_has.format(files=counted(self.words.files, len(paths)), name=_named(name))

        return self.say(put if name.strip() else str, otherwise=self.words.collection_which)

    def release(self, paths: Sequence[str], name: str) -> Said:
        """Take files out of their collection; they stay in the library."""

        def leave() -> str:
            self.library.assign(paths, LIBRARY)
            return self.words.collection_left.format(files=counted(self.words.files, len(paths)), name=name)

        return self.say(leave)

    def rename(self, old: str, new: str) -> Said:
        """Give a collection another name."""

        def rename() -> str:
            self.library.rename_collection(old, new)
            return self.words.collection_renamed.format(name=_named(new))

        return self.say(rename if new.strip() else str, otherwise=self.words.collection_which)

    def verify(self) -> Said:
        """Compare store, cache and disk."""
        return self.say(lambda: self._begun(self.library.verify()))

    def repair(self, forget: bool) -> Said:
        """Mend what a check finds."""
        return self.say(lambda: self._begun(self.library.repair(forget=forget)))

    def backup(self, path: str) -> Said:
        """Back up to this file, or to one with the time in its name."""

        def begin() -> str:
            return self._begun(
                self.library.backup(_typed(path) if path.strip() else new_backup(self.assistant.config.data))
            )

        return self.say(begin)

    def restore(self, path: str) -> Said:
        """Everything as it was when this backup was made."""

        def begin() -> str:
            self.hush()
            return self._begun(self.library.restore(_typed(path)))

        return self.say(begin if path.strip() else str, otherwise=self.words.restore_which)

    def empty(self, typed: str) -> Said:
        """Delete everything, if the right words were typed."""
        word = self.words.empty_word

        def delete() -> str:
            self.hush()
            self.library.delete_everything()
            return self.words.emptied

        right = " ".join(typed.lower().split()) == word
        return self.say(delete if right else str, otherwise=self.words.empty_wrong.format(word=word))

    def say(self, act: Callable[[], str], *, otherwise: str = "") -> Said:
        """What it says; an error becomes a sentence. `otherwise` is what is wrong when it says nothing."""
        try:
            said = act()
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return Said(text=edges.sentence(error, self.words), wrong=True)
        return Said(text=said) if said else Said(text=otherwise, wrong=True)

    def _begun(self, job: Job, text: str = "") -> str:
        return (text or self.words.begun).format(title=work.title(job, self.words))

    def _cancel(self, job_id: str) -> str:
        self.library.jobs.cancel(edges.number(job_id))
        return self.words.cancelled

    def _retry(self, job_id: str) -> str:
        return self.words.retried if self.library.jobs.retry(edges.number(job_id)) else self.words.retry_none

    def _put_back(self, token: str) -> str:
        return counted(self.words.put_back, self.library.put_back(token))

    def _unwatch(self, folder: str) -> str:
        self.library.unwatch(folder)
        return self.words.unwatched.format(folder=folder)


def _typed(path: str) -> str:
    """A path as typed or pasted, "~" and quotes included."""
    return os.path.abspath(os.path.expanduser(path.strip().strip("\"'")))


def _named(collection: str) -> str:
    """As it is kept."""
    return " ".join(collection.split())


def _there(path: str, words: Words) -> str:
    """A typed path, if there is something; BadPath says if not."""
    typed = _typed(path)
    if not os.path.lexists(typed):
        raise edges.BadPath(words.add_missing.format(path=typed))
    return typed
