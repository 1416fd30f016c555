"""Every branch of the plan on described machines: what is chosen, why, and what is said of what could not be had."""

from dataclasses import replace

import pytest

from deepseek_mm.errors import ConfigError
from deepseek_mm.runtime.engines import ENGINES, TOWERS, Timing
from deepseek_mm.runtime.hardware import GIB, GPU, Hardware
from deepseek_mm.runtime.planner import PlanConstraints, choose, why_not

EVERYTHING = tuple((name, "1") for row in ENGINES for name in row.needs)
DESK = Hardware(cpu="desk", cores=4, memory_bytes=16 * GIB, available_bytes=8 * GIB, packages=EVERYTHING)
BRAIN = replace(
    DESK,
    gpu=GPU(name="H100", memory_bytes=80 * GIB, capability=(9, 0)),
    providers=frozenset(["TensorrtExecutionProvider"]),
)
LAPTOP = replace(DESK, npus=("NPU",))
TINY = replace(DESK, memory_bytes=2 * GIB, available_bytes=GIB)


def timed(engine, ms, cosine=1.0, *, size=100, tower="image", refused=""):
    return Timing(tower=tower, engine=engine, one_ms=ms, many_ms=ms, cosine=cosine, size_bytes=size, refused=refused)


MEASURED = (
    timed("torch", 20, 0.9989),
    timed("openvino-fp32", 11),
    timed("openvino-bf16", 8, 0.9985, size=50),
    timed("openvino-int8", 5, 0.993, size=25),
    timed("onnxruntime-int8", 2, 0.80, size=20),
)


def test_a_gpu_gets_tensorrt_where_it_is_installed():
    plan = choose(BRAIN)
    assert (plan.branch, plan.image, plan.text) == ("gpu", "onnxruntime-tensorrt", "onnxruntime-tensorrt")
    assert "compute capability 9.0" in plan.reason
    assert "tensorrt is not verified on hardware" in plan.reason


def test_a_gpu_without_tensorrt_computes_in_bfloat16_and_says_what_is_missing():
    plan = choose(replace(BRAIN, packages=()))
    assert plan.image == "cuda-bf16"
    assert any("deepseek-mm[tensorrt]" in line for line in plan.fell_back)


def test_tensorrt_needs_the_provider_of_onnx_runtime():
    bare = choose(replace(BRAIN, providers=frozenset()))
    assert (bare.image, "no TensorrtExecutionProvider" in " ".join(bare.fell_back)) == ("cuda-bf16", True)


def test_a_gpu_engine_that_broke_when_it_was_measured_is_passed_over_with_its_reason():
    broke = [timed("onnxruntime-tensorrt", 0, refused="no kernel image", tower=tower) for tower in TOWERS]
    plan = choose(BRAIN, broke)
    assert plan.image == "cuda-bf16"
    assert any("no kernel image" in line for line in plan.fell_back)


def test_an_npu_computes_pictures_and_the_processor_text():
    plan = choose(LAPTOP)
    assert (plan.branch, plan.image, plan.text) == ("npu", "openvino-npu", "torch")
    assert choose(replace(LAPTOP, packages=())).image == "torch"


@pytest.mark.parametrize(
    ("dial", "image"), [("fast", "openvino-int8"), ("balanced", "openvino-bf16"), ("best", "openvino-fp32")]
)
def test_a_processor_takes_the_fastest_engine_that_is_exact_enough_for_the_dial(dial, image):
    plan = choose(DESK, MEASURED, dial=dial)
    assert (plan.branch, plan.image, plan.measured) == ("cpu", image, True)
    assert "torch 20.0 and 20.0" in plan.reason


def test_what_was_measured_and_is_not_installed_any_more_is_not_chosen():
    assert choose(replace(DESK, packages=()), MEASURED).image == "torch"


def test_without_a_calibration_torch_stays_and_the_reason_names_the_command():
    plan = choose(DESK)
    assert (plan.image, plan.text, plan.measured) == ("torch", "torch", False)
    assert "plan --calibrate" in plan.reason
    assert "bfloat16" in choose(replace(DESK, flags=frozenset(["avx512_bf16"]))).reason


def test_little_memory_takes_an_engine_without_libraries_and_the_small_models_and_tells_what_those_lack():
    plan = choose(TINY, (*MEASURED, timed("torch-bf16", 15, 0.998)), dial="fast")
    assert (plan.branch, plan.image) == ("small", "torch-bf16")
    assert "without libraries of its own of " in plan.reason
    others = [timing for timing in MEASURED if not timing.engine.startswith("torch")]
    assert choose(TINY, others, dial="fast").image == "openvino-int8"  # better than none
    assert (plan.lm, plan.image_model, plan.fell_back) == ("edge-lm", "edge-towers", ())
    assert "language model: edge-lm" in plan.reason
    assert "no descriptions" in plan.reason


def test_a_small_model_that_cannot_be_had_falls_back_with_the_reason_that_was_found():
    lacking = {"edge-lm": "it does not come along", "edge-towers": "the library is another's"}
    plan = choose(TINY, given=PlanConstraints(lacking=lacking))
    assert (plan.lm, plan.image_model) == ("fp4", "efficientnet-lite2")
    assert [line.split(" (")[0] for line in plan.fell_back] == ["not edge-lm", "not edge-towers"]
    assert "since it does not come along: fp4 instead" in plan.fell_back[0]
    plan = choose(TINY, given=PlanConstraints(lacking=lacking | {"fp4": "its file was not made"}))
    assert plan.lm == "packed"
    assert [line.split(" (")[0] for line in plan.fell_back] == ["not edge-lm", "not fp4", "not edge-towers"]
    assert "since its file was not made: packed instead" in plan.fell_back[1]


def test_a_large_machine_wishes_for_no_small_model_and_is_told_nothing_of_them():
    plan = choose(DESK, given=PlanConstraints(lacking={"edge-lm": "x", "edge-towers": "y"}))
    assert (plan.lm, plan.image_model, plan.fell_back) == ("packed", "efficientnet-lite2", ())


def test_what_its_owner_and_the_open_space_settle_stands_whatever_the_machine():
    plan = choose(DESK, given=PlanConstraints(lm="int8", image_model="edge-towers"))
    assert (plan.lm, plan.image_model, plan.fell_back) == ("int8", "edge-towers", ())
    small = choose(TINY, given=PlanConstraints(lm="fp4", image_model="efficientnet-lite2", lacking={"fp4": "no file"}))
    assert (small.lm, small.image_model, small.fell_back) == ("fp4", "efficientnet-lite2", ())


def test_weights_trained_with_rounding_are_taken_where_they_are_the_fastest_that_is_exact_enough():
    learned = timed("torch-qat-int8", 4, 0.998)
    assert choose(DESK, (*MEASURED, learned)).image == "torch-qat-int8"
    missing = timed("torch-qat-int8", 0, refused="no weights. Make them with: python -m deepseek_mm train qat")
    assert choose(DESK, (*MEASURED, missing)).image == "openvino-bf16"


def test_a_containers_limit_makes_a_large_machine_small():
    assert choose(replace(DESK, limit_bytes=GIB)).branch == "small"


def test_a_named_engine_overrules_what_was_measured_or_falls_back_in_words():
    assert choose(DESK, MEASURED, engine="onnxruntime-int8").image == "onnxruntime-int8"
    plan = choose(DESK, engine="cuda-bf16")
    assert (plan.image, len(plan.fell_back)) == ("torch", 2)
    assert "there is no GPU" in plan.fell_back[0]
    assert choose(DESK, engine="torchao-int8").image == "torch"  # it is for text


@pytest.mark.parametrize(("asked", "words"), [({"dial": "warp"}, "fast, balanced"), ({"engine": "steam"}, "auto or")])
def test_a_name_that_nobody_knows_is_refused_with_those_that_are(asked, words):
    with pytest.raises(ConfigError, match=words):
        choose(DESK, **asked)


def test_every_engine_of_the_table_says_why_a_bare_machine_cannot_have_it():
    bare = Hardware()
    assert [row.name for row in ENGINES if not why_not(row, bare)] == [
        row.name for row in ENGINES if row.device == "cpu" and not row.needs
    ]


def test_one_line_names_dial_engines_and_language_model():
    short = choose(DESK, MEASURED).short
    assert short == "balanced: pictures openvino-bf16, text torch, language model packed (measured)"
