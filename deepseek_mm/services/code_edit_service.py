"""Changes to code that callers wish for: a larger model proposes them, and only a press writes them.

Asking needs the right "ask", writing "library" and "run" together: a changed program is run by somebody some day. Files
are written below `serve.roots` alone, whoever presses, and a change belongs to the session whose wish it was.
"""

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Self

from deepseek_mm.accounts.permissions import (
    Caller,
    check_run,
    require_owner,
    require_right,
    requires,
    requires_by_default,
    roots_of,
)
from deepseek_mm.accounts.quotas import Quotas
from deepseek_mm.answering.code.source_files import CODE
from deepseek_mm.answering.code_edits.edit_store import EditStore
from deepseek_mm.answering.code_edits.file_writer import WritableFolders, invert, write_changes
from deepseek_mm.answering.code_edits.proposer import EditProposer, EditRights
from deepseek_mm.answering.code_edits.records import CodeEdit, EditState, FileChange
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion, Busy, Conflict, DeepSeekMMError, Forbidden, explain
from deepseek_mm.history.queries import hash_of
from deepseek_mm.sandbox.repository_tests import open_test_sandbox
from deepseek_mm.sandbox.run import Sandbox
from deepseek_mm.services.answer_service import AnswerRun, stop_runs
from deepseek_mm.types import Query
from index import LIBRARY, Filter, Region
from index.region import view_as

FOUND = 8  # pieces that one search of the model gives
RETRY_S = 30  # when somebody for whom there was no room may try again
STOPPED_S = 5.0  # how long a run may take to stop
NO_MODEL = (
    "changes to code are proposed by a larger model, and none is chosen: the packaged one is too small for it. Name"
    " one: --llm http://127.0.0.1:11434/v1 --model NAME, or choose a server under Settings"
)
log = logging.getLogger(__name__)


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class CodeEditService:
    """Proposes changes for callers, keeps them, and writes those that they accept."""

    assistant: Assistant
    store: EditStore
    sandbox: Sandbox
    quotas: Quotas = Quotas()
    runs: dict[str, AnswerRun[CodeEdit]] = field(default_factory=dict)  # under way, by id
    _changing: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, assistant: Assistant, quotas: Quotas | None = None) -> Self:
        """Over this assistant's library."""
        config = assistant.config
        store = EditStore(config.data, kept=config.edits.kept)
        return cls(assistant=assistant, store=store, sandbox=open_test_sandbox(config), quotas=quotas or Quotas())

    def explain_refusal(self, caller: Caller) -> str:
        """Why no change can be proposed here; empty if it can."""
        return "" if self.assistant.config.lm.is_larger else NO_MODEL

    def start(self, caller: Caller, request: str, *, page: str = "") -> AnswerRun[CodeEdit]:
        """Have a change proposed by a thread of its own; the run's token is the change's id.

        BadQuestion: no larger model, or no wish; Busy: enough are worked on. `page` names the open page that waits.
        """
        if why := self.explain_refusal(caller):
            raise BadQuestion(why)
        wish, most = request.strip(), self.assistant.config.rag.max_code_chars
        if not wish or len(wish) > most:
            raise BadQuestion(f"a wish has 1 to {most:,} characters. Say what is to be changed, and where")
        with self._changing:
            if len(self.runs) >= self.assistant.config.edits.at_once:
                raise Busy(
                    "enough changes are worked on (edits.at_once). Try again when one has ended", retry_after_s=RETRY_S
                )
            self.quotas.count_asks(caller)
            run = AnswerRun[CodeEdit](lambda stop: self._propose(caller, edit, stop), session=caller.session, page=page)
            model, owner = self.assistant.lm.name, hash_of(caller.session)
            edit = self.store.save(CodeEdit(id=run.token, owner=owner, request=wish, model=model))
            self.runs[run.token] = run
        threading.Thread(target=self._produce, args=(run,), name="code-edit", daemon=True).start()
        return run

    def find_run(self, caller: Caller, token: str) -> AnswerRun[CodeEdit] | None:
        """The caller's own that is worked on."""
        run = self.runs.get(token)
        return run if run is not None and run.session == caller.session else None

    def find_edit(self, caller: Caller, token: str) -> CodeEdit:
        """The caller's own, as far as it has come. NothingThere."""
        run = self.find_run(caller, token)
        return run.latest if run is not None and run.latest is not None else self._find(caller, token)

    def list_edits(self, caller: Caller) -> list[CodeEdit]:
        """The caller's own, newest first."""
        return self.store.list_of(caller.session)

    def stop_edit(self, caller: Caller, token: str) -> CodeEdit:
        """Stop it where it is worked on, else forget it; files stay as they are. NothingThere."""
        edit, run = self.find_edit(caller, token), self.find_run(caller, token)
        if run is not None:
            run.stop()
        else:
            self.store.forget(token)
        return edit

    @requires("run")
    def apply_edit(self, caller: Caller, token: str) -> CodeEdit:
        """Write a proposed change: all files, or none. Forbidden, Conflict, LibraryError: nothing was written."""
        return self._write(caller, token, "proposed", "applied")

    @requires("run")
    def undo_edit(self, caller: Caller, token: str) -> CodeEdit:
        """Put the files back as they were before. Conflict: one was changed since, and nothing was written."""
        return self._write(caller, token, "applied", "undone")

    def _write(self, caller: Caller, token: str, needed: EditState, becomes: EditState) -> CodeEdit:
        with self._changing:
            edit = self._find(caller, token)
            require_right(caller, "library")
            if edit.state != needed:
                raise Conflict(f"this change is {edit.state}, and only one that is {needed} can be {becomes}")
            changes = edit.changes if becomes == "applied" else tuple(map(invert, edit.changes))
            for each in edit.changes:
                self._check_visible(caller, each)
            write_changes(changes, folders_of(self.assistant))
            written = self.store.save(replace(edit, state=becomes))
        self._take_in(changes)
        return written

    def _take_in(self, changes: Sequence[FileChange]) -> None:
        """Have the library read what was written, a new file in the collection of its neighbours."""
        store, paths = self.assistant.store, defaultdict[str, list[Path]](list)
        for each in changes:
            near = store.sources(Filter(folder=os.path.dirname(each.path)), order="name", limit=1)
            is_new = store.source_at(each.path) is None and near and near[0].collection != LIBRARY
            if each.after is not None:
                paths[near[0].collection if is_new else ""].append(Path(each.path))
        for collection, some in paths.items():
            with suppress(DeepSeekMMError):  # it is written; the library reads it at its next look
                self.assistant.library.add(some, collection=collection)

    def _check_visible(self, caller: Caller, change: FileChange) -> None:
        """Forbidden for a file that the caller may not see any more, or of somebody else's collection."""
        source = self.assistant.store.source_at(change.path)
        if source is None and change.before is not None:
            raise Forbidden(f"nothing was written: {change.name} is no file of this library any more")
        accounts = self.assistant.accounts
        said = accounts.collections.find(source.collection) if accounts is not None and source is not None else None
        if said is not None:
            require_owner(caller, said.owner, f"the collection {said.name}")

    def _find(self, caller: Caller, token: str) -> CodeEdit:
        return self.store.find(token, session=caller.session)

    def _produce(self, run: AnswerRun[CodeEdit]) -> None:
        try:
            run.produce_all()
        finally:
            with self._changing:
                self.runs.pop(run.token, None)

    def _propose(self, caller: Caller, edit: CodeEdit, stop: Event) -> Iterator[CodeEdit]:
        """Every state, kept as it comes; whatever breaks ends it with a reason."""
        now = edit
        yield now
        with view_as(caller.viewer):
            try:
                for now in self._open(caller).propose(edit, stop):
                    yield self.store.save(now, at_once=now.is_ended)
            except Exception as error:  # whatever it is, the change is not left as if it were worked on
                log.error("a change to code broke", exc_info=error)
                now = self.store.save(replace(now, state="failed", message=explain(error)))
                yield now

    def _open(self, caller: Caller) -> EditProposer:
        assistant = self.assistant
        return EditProposer(
            lm=assistant.lm,
            store=assistant.store,
            find=partial(find_regions, assistant),
            graphs=assistant.graphs,
            config=assistant.config,
            sandbox=self.sandbox,
            rights=EditRights(
                sees_disk=caller.local,
                why_no_tests=explain_no_tests(assistant, caller),
                folders=folders_of(assistant),
            ),
        )


def erase_edits(service: CodeEditService, session: str) -> int:
    """Stop and forget all changes of a session; how many."""
    stop_runs([run for run in service.runs.values() if run.session == session], STOPPED_S)
    return service.store.forget_session(session)


def find_regions(assistant: Assistant, query: str) -> list[Region]:
    """Pieces of code by words and meaning."""
    return [match.region for match in assistant.find(Query(text=query), k=FOUND, where=CODE).matches]


def folders_of(assistant: Assistant) -> WritableFolders:
    """Where changes may be written: below `serve.roots`, whoever presses."""
    config = assistant.config
    return WritableFolders(roots=tuple(roots_of(config.serve)), own=config.data.resolve())


def explain_no_tests(assistant: Assistant, caller: Caller) -> str:
    """Why no tests are run for this caller; empty where they are."""
    try:
        check_run(assistant.config.sandbox, caller)
    except Forbidden as error:
        return str(error)
    return ""
