"""Models of a hub stay at the revision that a library was opened with first; the cache is filled by hand."""

import io
from pathlib import Path

import pytest
import torch
from fakes import ColourSpace
from tiny_lm import tiny_llama, tiny_tokenizer

from deepseek_mm.__main__ import main
from deepseek_mm.config import Config, LMConfig, SeeConfig
from deepseek_mm.errors import BadQuestion, LibraryError, NothingThere
from deepseek_mm.factory import load
from deepseek_mm.hub import FILE, Revisions, explain_absence, in_cache, is_hub_name, split_revision
from deepseek_mm.lm import open_generator
from deepseek_mm.models.model_cache import update_model
from deepseek_mm.terminal import Desk

OLD, NEW = "0" * 39 + "a", "0" * 39 + "b"
NAME = "some/speaker"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The hub's cache, as downloads would have left it: `hub(revision, seed=1)` puts one there as the newest."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    repository = tmp_path / "hub" / "models--some--speaker"

    def put(revision: str, *, seed: int) -> Path:
        folder = repository / "snapshots" / revision
        tiny_llama(seed=seed).to(torch.float32).save_pretrained(folder)
        tiny_tokenizer().save_pretrained(folder)
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / "main").write_text(revision)
        return folder

    return put


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Opens the library with the hub's model, as a start does, and tells the fingerprint of its weights."""
    monkeypatch.setattr("deepseek_mm.factory.open_space", lambda encoder, **_: ColourSpace())

    def start(name: str = NAME) -> str:
        config = Config(data=tmp_path / "library", lm=LMConfig(name=name), see=SeeConfig(glance=False))
        with load(config) as assistant:
            assert assistant.lm.name == NAME
            assert assistant.config == config
            return assistant.lm.fingerprint

    return start


def command(tmp_path, *words: str) -> tuple[int, str]:
    desk = Desk(out=io.StringIO(), err=io.StringIO())
    code = main(["models", *words, "--data", str(tmp_path / "library")], desk)
    return code, desk.out.getvalue() + desk.err.getvalue()


def test_a_start_keeps_the_revision_of_the_first_one_though_the_hub_has_another_by_now(hub, opened, tmp_path):
    hub(OLD, seed=1)
    first = opened()
    assert Revisions(tmp_path / "library").all() == {NAME: OLD}
    hub(NEW, seed=2)
    assert opened() == first
    assert opened(f"{NAME}@{NEW}") != first  # whoever names a revision gets that one
    assert Revisions(tmp_path / "library").all() == {NAME: OLD}


def test_the_command_line_lists_revisions_and_goes_over_to_the_newest(hub, opened, tmp_path):
    hub(OLD, seed=1)
    first = opened()
    hub(NEW, seed=2)
    code, told = command(tmp_path, "list")
    assert (code, told.splitlines()[0]) == (0, f"{OLD}  {NAME}")
    assert command(tmp_path, "update", NAME) == (0, f"{NAME} goes from {OLD} to {NEW} with the next start\n")
    assert opened() != first
    code, said = command(tmp_path, "update", NAME)  # by now only the hub could know a newer one
    assert (code, "HF_HUB_OFFLINE is set" in said) == (2, True)


def test_an_update_that_the_hub_does_not_answer_changes_nothing(tmp_path, hub):
    Revisions(tmp_path / "library").keep("other/model", OLD)
    code, said = command(tmp_path, "update", "other/model")
    assert (code, "nothing was changed" in said) == (2, True)
    assert Revisions(tmp_path / "library").all() == {"other/model": OLD}


def test_a_revision_that_is_gone_names_the_command_that_takes_the_newest(hub, opened, tmp_path):
    hub(NEW, seed=1)
    Revisions(tmp_path / "library").keep(NAME, OLD)
    with pytest.raises(NothingThere, match=f"python -m deepseek_mm models update {NAME}"):
        opened()


def test_a_damaged_note_of_revisions_stops_rather_than_taking_whatever_is_newest(tmp_path):
    for text in ("[" * 9_000, '{"a/b": 1}', '{"a/b": {"revision": 1}}', "[]", "\x00"):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(LibraryError, match=f"mv {tmp_path / FILE}"):
            Revisions(tmp_path).pin("a/b")


@pytest.mark.parametrize("name", ["deepseek-mm", "none", "", "/a/b", "./a/b", "a/b/c", "../b"])
def test_only_a_hubs_name_has_a_revision(tmp_path, name):
    assert not is_hub_name(name)
    assert split_revision(f"{name}@main") == (f"{name}@main", None)
    assert Revisions(tmp_path).pin(name) == name
    with pytest.raises(BadQuestion, match="OWNER/MODEL"):
        update_model(name, Config(data=tmp_path), {}, print)


def test_nothing_that_could_run_as_code_is_fetched_or_opened(hub, tmp_path):
    folder = hub(OLD, seed=1)
    (folder / "modeling_evil.py").write_text("raise SystemExit(7)")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(
        config.replace("{", '{"auto_map": {"AutoModelForCausalLM": "modeling_evil.Evil"},', 1)
    )
    assert open_generator(LMConfig(name=NAME), cache=tmp_path).name == NAME
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(Exception, match="pickled weights are never read"):
        open_generator(LMConfig(name=NAME), cache=tmp_path)
    assert in_cache(NAME) is None
    assert "pytorch_model.bin" in explain_absence(NAME)


def test_no_part_of_the_product_runs_code_of_a_checkpoint():
    root = Path(__file__).parent.parent
    sources = {
        path: path.read_text() for folder in ("deepseek_mm", "index", "ui") for path in (root / folder).rglob("*.py")
    }
    for harm in ("trust_remote_code=True", '"trust_remote_code": True', "weights_only=False", "import pickle"):
        assert [str(path) for path, text in sources.items() if harm in text] == []
    loads = [line for text in sources.values() for line in text.splitlines() if "torch.load(" in line]
    assert [line for line in loads if "weights_only=True" not in line] == []
