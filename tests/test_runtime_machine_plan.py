"""What a library, its settings and the cache settle before a plan is made, on described machines."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn
from towers_help import TinySpace

from deepseek_mm.config import EDGE_LM, Config, EncoderConfig, LMConfig
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.runtime import machine_plan as planning
from deepseek_mm.runtime.engines import AS_IT_IS
from deepseek_mm.runtime.hardware import GIB, Hardware
from deepseek_mm.runtime.machine_plan import encoder_here, find_constraints, fit_detector, plan_here
from deepseek_mm.runtime.quantization.lm_files import FP4, STUDENT_FILE
from deepseek_mm.runtime.quantization.weight_files import cache_file
from deepseek_mm.runtime.towers.backends import engines_folder
from deepseek_mm.runtime.towers.parts import PATHS, detector_part

DESK = Hardware(memory_bytes=16 * GIB, available_bytes=8 * GIB)
OPEN_DESK = replace(DESK, packages=(("torch", "2"), ("openvino", "2026")))
BOX = replace(DESK, limit_bytes=3 * GIB)  # a container on it


class EdgeTinySpace(TinySpace):
    name = "edge"


class DefaultTinySpace(TinySpace):
    name = "default"


@pytest.fixture
def config(tmp_path):
    return Config(data=tmp_path / "library")


def filled(config, *spaces):
    for name in spaces:
        (config.data / "spaces" / f"{name}-01234567").mkdir(parents=True)
    return config


@pytest.fixture
def student(tmp_path, monkeypatch):
    """Where the student's files lie; they are made here, empty."""
    folder = tmp_path / "student"
    folder.mkdir()
    for file in (folder / "edge.safetensors", folder / STUDENT_FILE):
        file.write_bytes(b"")
    monkeypatch.setattr(planning, "EDGE_SPACE", folder / "edge.safetensors")
    monkeypatch.setattr(planning, "EDGE_FOLDER", folder)
    return folder


def test_a_new_library_is_filled_in_the_students_space_where_memory_is_short_and_else_in_the_default_one(
    config, student
):
    assert encoder_here(config, BOX).name == "edge"
    assert encoder_here(config, DESK).name == "default"


@pytest.mark.parametrize("machine", [DESK, BOX])
def test_a_library_keeps_its_space_when_it_moves_to_another_machine(config, machine, student):
    assert encoder_here(filled(config, "edge"), machine).name == "edge"
    assert encoder_here(filled(config, "default"), machine).name == "default"  # now it has both


def test_a_space_that_is_named_is_taken_whatever_the_machine_and_its_numbers_are_kept(config, student):
    named = replace(config, encoder=EncoderConfig(name="default", batch=3))
    assert encoder_here(named, BOX) == named.encoder
    auto = replace(config, encoder=EncoderConfig(batch=3))
    assert encoder_here(auto, BOX) == EncoderConfig(name="edge", batch=3)


def test_where_the_student_does_not_come_along_the_plan_says_so_and_takes_other_models(config, student, tmp_path):
    for file in student.iterdir():
        file.unlink()
    assert encoder_here(config, BOX).name == "default"
    plan = plan_here(config, DefaultTinySpace(), cache=tmp_path, hardware=BOX).plan
    assert (plan.lm, plan.image_model) == ("packed", "efficientnet-lite2")
    assert ["does not come along" in line for line in plan.fell_back] == [True, False, True]
    assert "python -m deepseek_mm quantize lm-fp4" in plan.fell_back[1]


def test_where_the_students_words_do_not_come_along_a_small_machine_speaks_in_four_bits_if_those_were_made(
    config, student, tmp_path
):
    (student / STUDENT_FILE).unlink()
    made = cache_file(tmp_path, FP4)
    made.parent.mkdir(parents=True)
    made.write_bytes(b"")
    plan = plan_here(config, EdgeTinySpace(), cache=tmp_path, hardware=BOX).plan
    assert (plan.lm, plan.image_model) == ("fp4", "edge-towers")
    (line,) = plan.fell_back
    assert line.startswith("not edge-lm (")
    assert line.endswith(f"since it does not come along (no {student / STUDENT_FILE}): fp4 instead")


def test_a_small_machine_sees_and_speaks_with_the_student_by_itself_and_says_so(config, student, tmp_path):
    plan = plan_here(config, EdgeTinySpace(), cache=tmp_path, hardware=BOX).plan
    assert (plan.branch, plan.lm, plan.image_model, plan.fell_back) == ("small", "edge-lm", "edge-towers", ())
    assert "language model edge-lm" in plan.short
    assert "taught to see" in plan.reason


def test_a_model_of_others_is_never_said_to_be_the_student(config, student, tmp_path):
    other = replace(config, lm=LMConfig(name="smollm2"))
    plan = plan_here(other, EdgeTinySpace(), cache=tmp_path, hardware=BOX).plan
    assert plan.lm == "packed"
    assert "packaged language model alone" in " ".join(plan.fell_back)


def test_the_student_that_is_named_speaks_on_a_large_machine_too(config, student, tmp_path):
    named = replace(config, lm=LMConfig(name=EDGE_LM))
    assert plan_here(named, DefaultTinySpace(), cache=tmp_path, hardware=DESK).plan.lm == "edge-lm"


def test_bits_that_are_asked_for_are_what_the_plan_tells_on_any_machine(config, student, tmp_path):
    asked = replace(config, lm=LMConfig(bits="int8"))
    for machine in (DESK, BOX):
        assert plan_here(asked, DefaultTinySpace(), cache=tmp_path, hardware=machine).plan.lm == "int8"


def test_a_library_of_the_default_space_says_on_a_small_machine_how_it_could_be_the_students(config, student, tmp_path):
    given = find_constraints(config, DefaultTinySpace(), tmp_path)
    assert given.image_model == "efficientnet-lite2"
    assert "index --rebuild" in given.lacking["edge-towers"]
    named = replace(config, encoder=EncoderConfig(name="default"))
    assert "encoder.name=default asks" in find_constraints(named, DefaultTinySpace(), tmp_path).lacking["edge-towers"]


def test_auto_without_a_library_is_the_default_space():
    assert isinstance(open_space(EncoderConfig()), DefaultSpace)


def test_towers_are_left_to_engines_only_where_their_files_are_there(config, tmp_path, monkeypatch):
    cache, fingerprint = tmp_path / "cache", "f" * 64
    monkeypatch.setattr(planning, "default_fingerprint", lambda weights: fingerprint)
    made = partial(planning.are_engines_made, cache=cache, hardware=OPEN_DESK)
    by_openvino = replace(config, runtime=replace(config.runtime, engine="openvino-fp32"))
    folder = engines_folder(cache, fingerprint, OPEN_DESK)
    assert not made(by_openvino)
    for paths in PATHS.values():
        for path in paths:
            (folder / "openvino-fp32" / path).mkdir(parents=True)
            (folder / "openvino-fp32" / path / "sum").touch()
    assert made(by_openvino)
    assert not made(config), "nothing was measured, so torch computes"
    assert not made(replace(by_openvino, encoder=EncoderConfig(name="edge")))
    (folder / "openvino-fp32" / "packaged_upper" / "sum").unlink()
    assert not made(by_openvino)


class TwoMaps(nn.Module):
    """Makes two maps of a square, as a detector makes several."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x_B3SS):
        made = self.conv(x_B3SS)
        return made, made[..., ::2, ::2]


def fitted(hardware, tmp_path, *, config, said=None, asked="auto"):
    model = nn.ModuleDict({"net": TwoMaps().eval()})
    part = detector_part(model, lambda: [], side_px=8)
    planned = plan_here(config, DefaultTinySpace(), cache=tmp_path, hardware=hardware)
    say = (said if said is not None else []).append
    return model, fit_detector(model, part, planned, folder=tmp_path / "engines", asked=asked, say=say)


def test_a_detector_gets_openvino_where_nothing_was_measured_and_gives_the_same_maps(config, tmp_path):
    x_B3SS = torch.randn(2, 3, 8, 8)
    torch.manual_seed(0)
    plain, _ = fitted(DESK, tmp_path, config=config)
    torch.manual_seed(0)
    model, engine = fitted(OPEN_DESK, tmp_path, config=config)
    assert engine == "openvino-bf16"
    assert not isinstance(model["net"], TwoMaps)
    for told, wanted in zip(model["net"](x_B3SS), plain["net"](x_B3SS), strict=True):
        torch.testing.assert_close(told, wanted, atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    ("hardware", "asked"),
    [(DESK, "auto"), (replace(BOX, packages=OPEN_DESK.packages), "auto"), (OPEN_DESK, "torch")],
    ids=["OpenVINO is absent", "memory is little", "torch is asked for"],
)
def test_a_detector_stays_in_torch_where_another_engine_does_not_fit(hardware, asked, config, tmp_path):
    model, engine = fitted(hardware, tmp_path, config=config, asked=asked)
    assert engine == AS_IT_IS
    assert isinstance(model["net"], TwoMaps)


def test_a_detector_stays_in_torch_and_it_is_told_why_where_its_engine_does_not_open(config, tmp_path, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr(planning, "install", lambda *args: (_ for _ in ()).throw(RuntimeError("no such plugin")))
    model, engine = fitted(OPEN_DESK, tmp_path, config=config, said=said)
    assert (engine, isinstance(model["net"], TwoMaps)) == (AS_IT_IS, True)
    assert "no such plugin" in said[0]
