"""A small repository with a bug, indexed, and callers who wish for a change of it by a scripted model."""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from code_house import put_code
from coder_server import CoderServer, coder_server
from rag_house import build

from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.answering.code_edits.records import CodeEdit
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import EditsConfig, SandboxConfig, ServeConfig
from deepseek_mm.lm.backends.server_model import RemoteModel
from deepseek_mm.services.code_edit_service import CodeEditService

FILES = {
    "shop/parse.py": '''"""Lines of an order."""


def parse_line(line):
    """The name and the amount: "tea 3" is ("tea", 3)."""
    name, amount = line.split(" ")
    return name, amount
''',
    "shop/__init__.py": '"""A shop."""\n',
    "tests/test_parse.py": """from shop.parse import parse_line


def test_the_amount_is_a_number():
    assert parse_line("tea 3") == ("tea", 3)


def test_the_name_comes_first():
    assert parse_line("tea 3")[0] == "tea"
""",
}
BUGGY = "    return name, amount\n"
FIXED = BUGGY.replace("amount", "int(amount)")
PATCH = f"""--- a/shop/parse.py
+++ b/shop/parse.py
@@ -6,2 +6,2 @@
     name, amount = line.split(" ")
-{BUGGY}+{FIXED}"""
SAID = "The amount is a number now: it is made one before it is returned."
FIX = ([("read", {"path": "shop/parse.py"})], [("apply_patch", {"patch": PATCH})], SAID)
STRANGER = replace(LOCAL, name="stranger", session="key:stranger", local=False)  # with all rights, from elsewhere


class EditHouse:
    """The repository at `root`, its library, and the service."""

    def __init__(self, folder: Path, server: CoderServer | None, **edits: float) -> None:
        self.root = folder / "repo"
        config = {"url": server.url, "name": "coder-7b"} if server else {}
        self.assistant: Assistant = build(folder / "library", **config)
        put_code(self.assistant.store, self.root, FILES, written=True)
        (self.root / "pyproject.toml").write_text("")
        self.configure(serve=ServeConfig(roots=str(folder)), edits=EditsConfig(**edits))
        if server:
            self.assistant.lm = RemoteModel("coder-7b", self.assistant.config.lm)
        self.service = CodeEditService.of(self.assistant)

    def configure(self, **parts) -> None:
        self.assistant.config = replace(self.assistant.config, **parts)

    def wish(self, text="fix the bug in parse_line", *, who: Caller = LOCAL) -> CodeEdit:
        """The change as it ended."""
        run = self.service.start(who, text)
        *_, last = run.follow()
        return last

    def read(self, name="shop/parse.py") -> str:
        return (self.root / name).read_text()


@contextmanager
def edit_house(folder: Path, *replies, sandbox=None, **options):
    """The house, and the server that it asks."""
    edits = {name: options.pop(name) for name in ("steps", "seconds", "tokens") if name in options}
    with coder_server(*replies, **options) as server:
        house = EditHouse(folder, server, **edits)
        if sandbox is not None:
            house.configure(sandbox=SandboxConfig(run=sandbox))
        with house.assistant:
            yield house, server


def refusals(edit: CodeEdit) -> Sequence[str]:
    return [step.said for step in edit.steps if step.refused]
