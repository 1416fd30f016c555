"""`models`: the list is there at once, without torch or a network; one model is shown with all that is known of it."""

import io
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deepseek_mm.__main__ import main
from deepseek_mm.models.catalogue import read_catalogue
from deepseek_mm.terminal import Desk

ROOT = Path(__file__).parent.parent
SLOW = (
    "deepseek_mm.cli.ask",
    "deepseek_mm.benchmarks",
    "torch",
    "transformers",
    "huggingface_hub.hf_api",
    "huggingface_hub.file_download",
    "gradio",
    "faiss",
)
SLOW += ("onnxruntime", "openvino", "fastapi", "pandas")
SMALL = "HuggingFaceTB/SmolVLM-256M-Instruct"
COMMIT = "c" * 40


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Runs `models` with these words over an empty cache of the hub: exit code, results, messages."""

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))

    def run(*words: str) -> tuple[int, str, str]:
        desk = Desk(out=io.StringIO(), err=io.StringIO(), environ={}, cwd=tmp_path)
        code = main(["models", *words, "--data", str(tmp_path / "library")], desk)
        return code, desk.out.getvalue(), desk.err.getvalue()

    return run


def install(cache: Path) -> None:
    """The smallest model, as a download leaves it."""
    repository = cache / "models--HuggingFaceTB--SmolVLM-256M-Instruct"
    folder = repository / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text("x")
    (folder / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)


def test_a_list_of_models_waits_for_no_package_that_is_slow_to_import(tmp_path):
    code = (
        "import sys; from deepseek_mm.__main__ import main; "
        f"code = main(['models', 'list', '--json', '--data', {str(tmp_path)!r}]); "
        f"sys.exit(code or ', '.join(name for name in {SLOW!r} if name in sys.modules) or None)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert len(json.loads(ran.stdout)["catalogue"]) == len(read_catalogue())


def test_the_list_has_every_model_under_what_it_is_for(command):
    code, told, said = command("list")
    assert code == 0
    assert [card.id for card in read_catalogue() if card.id not in told] == []
    assert told.index("look at pictures") < told.index(SMALL) < told.index("phrase answers") < told.index("Qwen3-0.6B")
    assert "no model of a hub was used here yet" in said


def test_one_model_is_recommended_with_its_size_and_the_command_that_shows_it(command):
    _, told, said = command("list")
    assert told.count("recommended") == 1
    assert "Better answers: " in said
    assert "python -m deepseek_mm models show " in said


def test_a_model_whose_files_are_here_is_listed_as_installed(command, tmp_path):
    assert "installed" not in command("list")[1]
    install(tmp_path / "hub")
    (line,) = [line for line in command("list")[1].splitlines() if "installed" in line]
    assert SMALL in line
    state = json.loads(command("show", SMALL, "--json")[1])
    assert (state["installed"], state["revision"]) == (True, "")


def test_json_holds_the_whole_catalogue_and_what_the_library_uses(command):
    told = json.loads(command("list", "--json")[1])
    assert told["models"] == []
    assert len(told["catalogue"]) == len(read_catalogue())
    assert told["recommended"] in {None, *(row["id"] for row in told["catalogue"])}
    assert {row["run_here"] for row in told["catalogue"]} == {False}


def test_one_model_is_shown_with_its_licence_sizes_figures_and_that_it_was_not_run_here(command):
    code, told, _ = command("show", "huggingfacetb/SmolVLM-Instruct")
    assert code == 0
    assert told.startswith("SmolVLM 2.2B: HuggingFaceTB/SmolVLM-Instruct\n")
    for part in (
        "4.5 GB",
        "Apache-2.0, https://www.apache.org/licenses/LICENSE-2.0",
        "MMMU (val): 38.8 (https://huggingface.co/blog/smolvlm)",
        "by transformers, as lm.vlm",
        "not run here",
    ):
        assert part in told


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("intfloat/multilingual-e5-small", "rag.reranker"),
        ("jinaai/jina-code-embeddings-0.5b", "rag.code_reranker"),
        ("BAAI/bge-reranker-v2-m3", "rag.reranker"),
    ],
)
def test_a_model_that_orders_is_listed_and_shown_with_its_setting(command, name, setting):
    assert f"by transformers, as {setting}\n" in command("show", name)[1]
    told = command("list")[1]
    before = told[: told.index(name)].splitlines()
    (*_, heading) = [line for line in before if line.startswith("Models that ")]
    assert "order what was found" in heading
    assert setting in heading


def test_a_model_that_orders_is_tried_and_kept_for_the_next_start_and_the_packaged_order_comes_back(
    command, tmp_path, monkeypatch
):
    monkeypatch.setattr("deepseek_mm.models.rankers.open_ranker", lambda name, **_: prefer_right if name else None)
    code, told, _ = command("use", "BAAI/bge-reranker-v2-m3")
    assert (code, "orders what is found from the next start on. How much is the deposit" in told) == (0, True)
    file = tmp_path / "library" / "config.toml"
    assert tomllib.loads(file.read_text())["rag"]["reranker"] == "BAAI/bge-reranker-v2-m3"
    assert command("use", "packaged-order")[:2] == (0, "packaged-order orders what is found from the next start on.\n")
    assert tomllib.loads(file.read_text())["rag"]["reranker"] == ""


def prefer_right(question, texts):
    return [float("deposit of 3,540" in text) for text in texts]


def test_a_model_that_orders_and_is_not_here_is_refused_and_nothing_is_kept(command, tmp_path):
    code, _, said = command("use", "BAAI/bge-reranker-v2-m3")
    assert (code, "was not downloaded" in said) == (2, True)
    assert not (tmp_path / "library" / "config.toml").exists()


def test_a_model_that_orders_cannot_be_compared_by_answers(command):
    code, _, said = command("try", "BAAI/bge-reranker-v2-m3")
    assert (code, "orders what is found, it does not answer" in said) == (2, True)


def test_a_gguf_is_shown_with_the_room_that_its_unpacked_copy_needs(command):
    assert "2.5 GB to download, 10.5 GB in all" in command("show", "Qwen/Qwen3-4B-GGUF")[1]


def test_a_model_that_brings_code_along_is_said_to_run_on_a_local_server_only(command):
    assert "by a local server only" in command("show", "vikhyatk/moondream2")[1]


def test_a_name_that_the_catalogue_lacks_names_the_list(command):
    code, told, said = command("show", "a/b")
    assert (code, told) == (2, "")
    assert said == "deepseek-mm: no model 'a/b' in the catalogue. See them with: python -m deepseek_mm models list\n"


def test_show_needs_one_name(command):
    assert command("show")[0] == 2
    assert "models show needs NAME" in command("show", "a/b", "c/d")[2]
