"""A library of which one file is damaged: every start and command ends well or in a sentence, never in a traceback."""

import io
import os
import random
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from fakes import ColourSpace, picture

import app
from deepseek_mm.__main__ import main
from deepseek_mm.answering.scene_programs import kept_rules
from deepseek_mm.api.server import lock_library
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.factory import load
from deepseek_mm.jobs import follow
from deepseek_mm.learning.examples import taught_rows
from deepseek_mm.learning.learner import Versions
from deepseek_mm.terminal import Desk
from index import IndexProblem

RANDOM = random.Random(4)
TEXTS = {
    "config.toml": "[rag]\nnum_regions = 5\n",
    "first-start": "done",
    "labels.txt": "tree\n",
    "rules.txt": "# none\n",
    "learning/accepted.json": "[1]",
    "learning/1/version.json": "{}",
    "keys.json": '{"keys": []}',
    "lock": "1\n",
}
FILES = (*TEXTS, "history.db", "jobs.db", "told_apart.txt", "learning/taught.jsonl", "spaces/colours/store.db")


def fill_with(data: bytes) -> Callable[[Path], None]:
    return lambda file: void(file.write_bytes(data))


def void(_: object) -> None:
    """Nothing."""


def overwrite(file: Path) -> None:
    """200 random bytes in the midst of it, and what SQLite would name in its message."""
    data = bytearray(file.read_bytes()).replace(b"CREATE TABLE", b"CREATE \x92ABLE", 1)
    data[len(data) // 3 : len(data) // 3 + 200] = RANDOM.randbytes(200)
    file.write_bytes(data)


def put_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def put_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


DAMAGES = {
    "nothing": fill_with(b""),
    "200 random bytes": fill_with(RANDOM.randbytes(200)),
    "random bytes within": overwrite,
    "nested json": fill_with(b"[" * 100_000),
    "nested toml": fill_with(b"a = " + b"[" * 50_000),
    "dotted toml": fill_with(b"a" + b".a" * 5_000 + b" = 1"),
    "other json": fill_with(b'{"a": [null, 1]}'),
    "a folder": put_folder,
    "a pipe": put_pipe,
}
SHORT = (  # those that were tracebacks, or stood still; the others are tried in campaigns
    ("config.toml", "nested toml"),
    ("config.toml", "dotted toml"),
    ("config.toml", "a pipe"),
    ("first-start", "200 random bytes"),
    ("first-start", "a folder"),
    ("history.db", "random bytes within"),
    ("jobs.db", "random bytes within"),
    ("keys.json", "nested json"),
    ("learning/accepted.json", "nested json"),
    ("learning/taught.jsonl", "other json"),
    ("spaces/colours/store.db", "random bytes within"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A library with a file of each kind."""
    data = tmp_path_factory.mktemp("whole") / "library"
    data.mkdir()
    with pytest.MonkeyPatch.context() as patch, closing(opened(patch, data)) as assistant:
        assistant.library.start()
        for colour in ("red", "blue"):
            picture(colour).save(data / f"{colour}.png")
        job = assistant.library.add([data / "red.png", data / "blue.png"])
        assert [*follow(assistant.library.jobs, job.id)][-1].state == "done"
        found = assistant.store.sources(limit=9)
        assistant.library.tell_apart([source.id for source in found])
        assistant.library.learning.teach([{"image": found[0].path, "question": "what is it?", "answer": "red"}])
    for name, text in TEXTS.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text)
    (next((data / "spaces").iterdir())).rename(data / "spaces" / "colours")
    return data


def opened(patch: pytest.MonkeyPatch, data: Path):
    patch.setattr("deepseek_mm.factory.open_space", lambda encoder, **_: ColourSpace())
    patch.setattr("deepseek_mm.factory.open_store", open_colours(data))
    file = app.settings_file(["--data", str(data), "--set", "lm.name=none", "--set", "see.glance=false"])
    return load(file.read().config)


def open_colours(data: Path):
    """The store in a folder whose name tests know."""
    from index.store import RegionStore

    def open_it(config, space):
        folder = data / "spaces" / "colours"
        folder = folder if folder.exists() else data / "spaces" / "new"
        return RegionStore(
            folder, space_name=space.name, fingerprint=space.fingerprint, dim=space.dim, config=config.index
        )

    return open_it


def start(patch: pytest.MonkeyPatch, data: Path) -> None:
    """All that a start does, but for the page."""
    config = app.settings_file(["--data", str(data)]).read().config
    with lock_library(config.data), closing(opened(patch, data)) as assistant:
        assistant.library.start()
        app.fill(assistant, data / "no photos")
        kept_rules(data)
        assistant.library.twins()
        taught_rows(data / "learning" / "taught.jsonl")
        versions = Versions(data)
        for number in (*versions.numbers(), *versions.accepted_numbers()):
            versions.read(number)


CASES = [
    pytest.param(name, damage, marks=() if (name, damage) in SHORT else pytest.mark.campaign(only=True))
    for name in FILES
    for damage in DAMAGES
]


@pytest.mark.parametrize(("name", "damage"), CASES)
def test_a_damaged_file_ends_a_start_in_a_sentence_at_worst(whole, tmp_path, monkeypatch, name, damage):
    data = tmp_path / "library"
    shutil.copytree(whole, data)
    DAMAGES[damage](data / name)
    said = str(data)
    try:
        start(monkeypatch, data)
    except (DeepSeekMMError, IndexProblem) as error:
        said = str(error)
    assert str(data) in said  # which file, below which folder
    words = {"history.db": ("history", "list"), "keys.json": ("keys", "list")}.get(name, ("config",))
    told = io.StringIO()
    code = main([*words, "--data", str(data)], Desk(out=io.StringIO(), err=told))
    assert code == 0 or str(data) in told.getvalue()
