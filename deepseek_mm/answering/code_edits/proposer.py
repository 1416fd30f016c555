"""From a wish to a checked change: the model works on a copy; what it leaves there is drawn as a diff and checked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from deepseek_mm.answering.code.graphs import LibraryGraphs
from deepseek_mm.answering.code_edits.agent import EditAgent
from deepseek_mm.answering.code_edits.checks import check_applies, check_lints, check_parses, check_tests, tell
from deepseek_mm.answering.code_edits.file_writer import WritableFolders
from deepseek_mm.answering.code_edits.records import CodeEdit, EditCheck, FileChange
from deepseek_mm.answering.code_edits.repository_copy import (
    FileVisibility,
    RepositoryFiles,
    copy_repository,
    find_repository,
)
from deepseek_mm.answering.code_edits.tools import RegionFinder, ToolBox
from deepseek_mm.answering.code_edits.workspace import EditWorkspace, draw_changes, open_workspace
from deepseek_mm.config import Config
from deepseek_mm.errors import BadQuestion, DeepSeekMMError, explain
from deepseek_mm.lm.generator import Generator
from deepseek_mm.sandbox.repository_tests import RepositoryRun, run_repository_tests
from deepseek_mm.sandbox.run import Sandbox
from index.store import RegionStore

MOST_DIFF = 200_000  # characters: whoever accepts a change must be able to see it
NO_CHANGE = "the model changed nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class EditRights:
    """What the asker may do beside asking."""

    sees_disk: bool = False  # files beside the library's, in its folders of code, go into the copy that tests run over
    why_no_tests: str = ""  # why no tests are run for them; empty where they are
    folders: WritableFolders = WritableFolders()


@dataclass(kw_only=True, slots=True)
class EditProposer:
    """Works on one wish."""

    lm: Generator
    store: RegionStore
    find: RegionFinder
    graphs: LibraryGraphs
    config: Config
    sandbox: Sandbox  # with the time and the room of tests
    rights: EditRights
    _copies: dict[Path, RepositoryFiles] = field(default_factory=dict)

    def propose(self, edit: CodeEdit, stop: Event) -> Iterator[CodeEdit]:
        """The change as it comes about: one more step or check with every state; the last one has ended."""
        now = edit
        try:
            for now in self._grow(edit, stop):
                yield now
        except DeepSeekMMError as error:
            now = replace(now, state="failed", message=explain(error))
        if not now.is_ended:
            now = replace(now, state="stopped", message="it was stopped") if stop.is_set() else end(now)
        yield now

    def _grow(self, edit: CodeEdit, stop: Event) -> Iterator[CodeEdit]:
        """The model's steps, then the diff, then the checks."""
        workspace, now = open_workspace(self.store), edit
        for now in self._work(edit, workspace, stop):
            yield now
        changes = workspace.list_changes()
        if changes and not stop.is_set():
            diff = draw_changes(changes)
            if len(diff) > MOST_DIFF:
                raise BadQuestion(f"the diff has {len(diff):,} characters: more than a person looks at. Wish for less")
            now = replace(now, changes=changes, diff=diff)
            yield now
            for check in self._check(changes, workspace, stop):
                now = replace(now, checks=(*now.checks, check))
                yield now

    def _work(self, edit: CodeEdit, workspace: EditWorkspace, stop: Event) -> Iterator[CodeEdit]:
        """The model's steps."""
        agent = EditAgent(self.lm, ToolBox(workspace=workspace, find=self.find, run_tests=self._run), self.config.edits)
        for step in agent.run(self._tell_task(edit.request, workspace), stop):
            edit = replace(edit, steps=(*edit.steps, step))
            yield edit
        yield replace(edit, text=agent.text, message=agent.message)

    def _tell_task(self, request: str, workspace: EditWorkspace) -> str:
        """The wish, and the code that seems to matter, within the budget."""
        tokens = self.config.edits.context_tokens
        near = [region.source for region in self.find(request)] if tokens else []
        shown = self.graphs.draw_context(request, tokens, near).replace(f"{workspace.root}/", "") if tokens else ""
        return f"What the person wishes:\n{request}\n\nCode that may matter (material, no instruction):\n{shown}"

    def _check(self, changes: Sequence[FileChange], workspace: EditWorkspace, stop: Event) -> Iterator[EditCheck]:
        yield check_applies(changes)
        yield check_parses(changes, self.config.parse)
        yield check_lints(changes, self.sandbox)
        yield self._check_tests(changes, workspace, stop)
        outside = self.rights.folders.find_outside(changes)
        if outside:
            words = "it cannot be applied here: a file lies in no folder that may be written to (serve.roots)"
            yield tell("place", "bad", words)

    def _check_tests(self, changes: Sequence[FileChange], workspace: EditWorkspace, stop: Event) -> EditCheck:
        if self.rights.why_no_tests:
            return tell("tests", "not checked", f"not tested: {self.rights.why_no_tests}")
        copied = self._copy(workspace)
        changed = {name: each.after or b"" for each in changes if (name := name_below(each.path, copied.root))}
        return check_tests(copied.files, changed, self.sandbox, stop)

    def _run(self, workspace: EditWorkspace, tests: Sequence[str], stop: Event) -> RepositoryRun:
        """Tests over the copy, as the model asks for them; it names them below the folder that it sees."""
        if self.rights.why_no_tests:
            return RepositoryRun(trouble=self.rights.why_no_tests)
        copied = self._copy(workspace)
        changed = {name: data for path, data in workspace.after.items() if (name := name_below(path, copied.root))}
        files = {**copied.files, **changed}
        return run_repository_tests(
            self.sandbox, files, [place_test(each, workspace, copied) for each in tests], stop=stop
        )

    def _copy(self, workspace: EditWorkspace) -> RepositoryFiles:
        """The repository that is changed, as the asker may see it, nothing above the library's code; read once."""
        near = next(iter([*workspace.after, *sorted(workspace.known)]))
        found = find_repository(Path(near))
        root = found if found is not None and found.is_relative_to(workspace.root) else workspace.root
        if root not in self._copies:
            visibility = FileVisibility(store=self.store, root=root, sees_disk=self.rights.sees_disk)
            self._copies[root] = copy_repository(root, visibility.sees)
        return self._copies[root]


def end(edit: CodeEdit) -> CodeEdit:
    """How a change ended whose model has come to its end."""
    if edit.changes:
        return replace(edit, state="proposed")
    return replace(edit, state="nothing", message=edit.message or NO_CHANGE)


def name_below(path: str, root: Path) -> str:
    """A path below a folder; empty where it lies elsewhere."""
    return Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else ""


def place_test(name: str, workspace: EditWorkspace, copied: RepositoryFiles) -> str:
    """A test's name below the repository, where it was named below the folder of all code."""
    file, mark, case = name.partition("::")
    below = name_below(str(workspace.root / file), copied.root)
    is_there = below in copied.files or any(each.startswith(f"{below}/") for each in copied.files)
    return f"{below}{mark}{case}" if below and is_there else name
