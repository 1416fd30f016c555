"""Engines in the places of modules: they agree with torch, come out again, and make a damaged file anew."""

import threading
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
import torch
from towers_help import Net

from deepseek_mm.lm.model_folders import is_whole, make_once
from deepseek_mm.runtime.engines import BY_NAME
from deepseek_mm.runtime.towers.backends import OPENVINO_FILE, convert_to_openvino, install, make_runner, open_torch
from deepseek_mm.runtime.towers.parts import image_parts, text_parts

openvino = pytest.importorskip("openvino")
SIDE = 16
has_onnx = pytest.mark.skipif(find_spec("onnx") is None, reason="the extra engines is not installed")
ONNX = pytest.param("onnxruntime-fp32", marks=has_onnx)
ERROR = {
    "torch-fp32": 1e-6, "torch-bf16": 0.02,
    "openvino-fp32": 1e-4, "openvino-bf16": 0.03, "onnxruntime-fp32": 1e-4,
}  # fmt: skip
SLOW = pytest.param("openvino-fp32", marks=pytest.mark.campaign(only=True))  # bf16 goes the same way
IMAGE = ["torch-fp32", "torch-fp32-rows", "torch-bf16", SLOW, "openvino-bf16", ONNX]


@pytest.fixture
def net():
    return Net().eval()


def parts_of(net, tower):
    if tower == "text":
        return text_parts(net, lambda: [(torch.arange(6).view(1, 6) + 1, torch.ones(1, 6, dtype=torch.int64))])
    return image_parts(net, lambda: [(torch.rand(4, 3, SIDE, SIDE),)], side_px=SIDE)


def off(ours, truth):
    return float((ours.float() - truth.float()).norm() / truth.float().norm())


@torch.inference_mode()
def looked(net, rows):
    middle = net.image_tower["lower"](torch.rand(rows, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(rows)))
    return net.packaged_upper(middle), net.image_tower["upper"](middle)


@torch.inference_mode()
def read(net, *lengths):
    mask = torch.tensor([[1] * n + [0] * (max(lengths) - n) for n in lengths])
    ids = (torch.arange(mask.numel()).view(mask.shape) % 49) + 1
    told = net.text_tower["model"](
        input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids), output_hidden_states=True
    )
    return [state * mask[..., None] for state in (*told.hidden_states, told.last_hidden_state)]


@pytest.mark.parametrize("name", IMAGE)
def test_an_engine_of_the_image_tower_agrees_with_torch_within_its_error(net, tmp_path, name):
    truth = [looked(net, rows) for rows in (1, 3)]
    installed = install(net, parts_of(net, "image"), BY_NAME[name], tmp_path)
    ours = [looked(net, rows) for rows in (1, 3)]
    most = ERROR[name.removesuffix("-rows")]
    assert all(off(a, b) <= most for own, its in zip(ours, truth, strict=True) for a, b in zip(own, its, strict=True))
    assert installed.size_bytes > 0


@pytest.mark.parametrize("name", ["torch-fp32", "torch-bf16", SLOW, "openvino-bf16", ONNX])
def test_an_engine_of_the_text_tower_agrees_whatever_is_padded(net, tmp_path, name):
    batches = ((7,), (5, 3), (9, 2, 4))
    truth = [read(net, *lengths) for lengths in batches]
    install(net, parts_of(net, "text"), BY_NAME[name], tmp_path)
    ours = [read(net, *lengths) for lengths in batches]
    assert all(off(a, b) <= ERROR[name] for o, t in zip(ours, truth, strict=True) for a, b in zip(o, t, strict=True))


def test_what_was_put_in_comes_out_and_the_model_is_as_it_was(net, tmp_path):
    before, lower = looked(net, 2), net.image_tower["lower"]
    installed = install(net, parts_of(net, "image"), BY_NAME["torch-bf16"], tmp_path)
    assert net.image_tower["lower"] is not lower
    installed.remove()
    assert net.image_tower["lower"] is lower
    assert all(torch.equal(a, b) for a, b in zip(looked(net, 2), before, strict=True))


def test_an_engine_that_breaks_half_way_leaves_every_part_in_its_place(net, tmp_path, monkeypatch):
    parts = parts_of(net, "image")
    opened = []

    def failing(part, row, folder):
        if opened:
            raise RuntimeError("no memory on the device")
        opened.append(part)
        return open_torch(part, row, folder)

    monkeypatch.setitem(install.__globals__["OPENERS"], "torch", failing)
    lower = net.image_tower["lower"]
    with pytest.raises(RuntimeError, match="no memory"):
        install(net, parts, BY_NAME["torch-fp32"], tmp_path)
    assert net.image_tower["lower"] is lower


def test_a_damaged_file_of_an_engine_is_made_again(net, tmp_path):
    truth = looked(net, 2)
    install(net, parts_of(net, "image"), BY_NAME["openvino-fp32"], tmp_path).remove()
    files = sorted(tmp_path.rglob("part.bin"))
    for file in files:
        data = bytearray(file.read_bytes())
        data[:64] = bytes(byte ^ 0x55 for byte in data[:64])
        file.write_bytes(data)
    install(net, parts_of(net, "image"), BY_NAME["openvino-fp32"], tmp_path)
    assert len(files) == 3
    assert all(off(a, b) < 1e-4 for a, b in zip(looked(net, 2), truth, strict=True))


def test_what_is_whole_is_not_made_twice_and_what_fails_leaves_nothing(tmp_path):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "a").write_text("x")

    def fail(folder):
        (folder / "a").write_text("half")
        raise RuntimeError("cut off")

    for _ in range(2):
        make_once(tmp_path / "good", make)
    with pytest.raises(RuntimeError, match="cut off"):
        make_once(tmp_path / "bad", fail)
    assert len(made) == 1
    assert is_whole(tmp_path / "good")
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["good"]


def test_openvino_keeps_what_it_made_ready_for_few_shapes(net, tmp_path, monkeypatch):
    """Its own limit is 5,000 entries: a service that reads texts of all lengths grew by 1.7 MB a minute for hours."""
    asked, compile_model = [], openvino.Core.compile_model

    def note(core, model, device, settings):
        asked.append(settings)
        return compile_model(core, model, device, settings)

    monkeypatch.setattr(openvino.Core, "compile_model", note)
    install(net, parts_of(net, "image"), BY_NAME["openvino-fp32"], tmp_path).remove()
    assert {settings["CPU_RUNTIME_CACHE_CAPACITY"] for settings in asked} == {256}


def test_threads_that_ask_openvino_at_once_get_their_own_answers(net, tmp_path):
    install(net, parts_of(net, "image"), BY_NAME["openvino-fp32"], tmp_path)
    alone = [looked(net, rows) for rows in range(1, 5)]
    wrong = []

    def ask(rows):
        for _ in range(20):
            if not all(torch.equal(a, b) for a, b in zip(looked(net, rows), alone[rows - 1], strict=True)):
                wrong.append(rows)

    threads = [threading.Thread(target=ask, args=(rows,)) for rows in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_npus_way_one_picture_at_a_time_gives_what_all_at_once_gives(net, tmp_path):
    (lower, *_) = parts_of(net, "image")
    convert_to_openvino(lower, BY_NAME["openvino-fp32"], tmp_path)
    compiled = openvino.Core().compile_model(tmp_path / OPENVINO_FILE, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    pixels = torch.rand(3, 3, SIDE, SIDE)
    at_once, one_by_one = (make_runner(compiled, one_by_one=one)([pixels])[0] for one in (False, True))
    torch.testing.assert_close(at_once, one_by_one)


class CountingModel:
    """A compiled model that counts its inference requests; each adds one, once `at_once` are at work."""

    def __init__(self, at_once: int) -> None:
        self.made, self.together = 0, threading.Barrier(at_once)

    def create_infer_request(self):
        self.made += 1
        return self

    def infer(self, inputs, share_inputs):
        self.together.wait(10)
        return {0: inputs[0] + 1}


def test_as_many_requests_are_made_as_run_at_once_however_many_threads_there_are():
    compiled = CountingModel(at_once=1)
    run = make_runner(compiled, one_by_one=False)
    for n in range(6):  # threads one after the other
        with ThreadPoolExecutor(1) as thread:
            assert thread.submit(run, [torch.tensor([n])]).result()[0].tolist() == [n + 1]
    assert compiled.made == 1
    compiled = CountingModel(at_once=3)
    run = make_runner(compiled, one_by_one=False)
    with ThreadPoolExecutor(3) as threads:
        for _ in range(4):
            told = list(threads.map(run, [[torch.tensor([n])] for n in range(3)]))
            assert [each[0].tolist() for each in told] == [[1], [2], [3]]
    assert compiled.made == 3


def test_a_request_that_failed_is_used_again():
    compiled = CountingModel(at_once=1)
    run = make_runner(compiled, one_by_one=False)
    with pytest.raises(IndexError):
        run([])
    assert run([torch.tensor([1])])[0].tolist() == [2]
    assert compiled.made == 1
