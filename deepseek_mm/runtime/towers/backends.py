"""Opens a tower's parts in torch, ONNX Runtime or OpenVINO, and puts them into a space's model.

torch: one number format whatever autocast says, on a device, in one memory layout of pictures; or the file that
`train qat` wrote into the cache, whose heads stay in floats.

OpenVINO: converted from torch once, cached, and compiled at every start (a fifth of a second). An NPU needs fixed
shapes, so a part takes one picture at a time there. nncf sets eight bits from real pictures or captions.

ONNX Runtime: exported from torch once and cached; on the processor, or a GPU's TensorRT. Eight bits: pictures with
calibrated scales (static), text with scales of every pass (dynamic).
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor, nn

from deepseek_mm.embeddings.default import PackagedSpace
from deepseek_mm.errors import MissingPackage
from deepseek_mm.lm.model_folders import first_line, make_once
from deepseek_mm.runtime.engines import AS_IT_IS, TOWERS, EngineRow, Tower, import_nncf, import_openvino
from deepseek_mm.runtime.hardware import Hardware
from deepseek_mm.runtime.planner import Plan
from deepseek_mm.runtime.quantization.int8_layers import put_chains
from deepseek_mm.runtime.quantization.weight_files import cache_file, read_quantized
from deepseek_mm.runtime.towers.parts import (
    Batch,
    OpenedPart,
    Run,
    Samples,
    TowerPart,
    image_parts,
    replace_module,
    stand_in,
    text_parts,
)

QAT = "towers-qat"  # the scheme of the file that `train qat` writes
TRAINED = "python -m deepseek_mm train qat --data captions.jsonl --images photos"  # what makes it
SUM = "sum"  # the file of a part's folder that says what the others must be
SHORT = 16  # letters of a fingerprint
BYTES = {"fp32": 4, "bf16": 2, "int8": 1}  # of a weight
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.float32}


def engines_folder(cache: Path, fingerprint: str, hardware: Hardware) -> Path:
    """The folder of this space's engines on this machine, one in it for each of their parts."""
    return cache / "engines" / f"{fingerprint[:SHORT]}-{hardware.key}"


def size_bytes(folder: Path) -> int:
    """Of all its files."""
    return sum(file.stat().st_size for file in folder.iterdir())


def open_torch(part: TowerPart, row: EngineRow, folder: Path) -> OpenedPart:
    """A copy of the part; nothing is kept in `folder`."""
    dtype = DTYPES[row.numbers]
    layout = torch.channels_last if row.channels_last else torch.contiguous_format
    module = deepcopy(part.module).to(device=row.device, dtype=dtype)
    if part.tower == "image":
        module = module.to(memory_format=layout)  # type: ignore[call-overload]
    if row.numbers == "int8":
        module = quantize_torchao(module)

    @torch.inference_mode()
    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        with torch.autocast(row.device, enabled=False):
            moved = [_convert_input(x, row.device, dtype, layout) for x in inputs]
            return [y.cpu() for y in module(*moved)]

    return OpenedPart(run=run, size_bytes=part.num_weights * BYTES[row.numbers])


def _convert_input(x: Tensor, device: str, dtype: torch.dtype, layout: torch.memory_format) -> Tensor:
    """Whole numbers stay what they are."""
    if not x.is_floating_point():
        return x.to(device)
    return x.to(device=device, dtype=dtype, memory_format=layout)


def quantize_torchao(module: nn.Module) -> nn.Module:
    """Linear layers in eight bits, weights and what comes in, by torchao. MissingPackage without it."""
    try:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_
    except ImportError as error:
        raise MissingPackage("torchao", needed_for="the engine torchao-int8", extra="engines") from error
    config: Any = Int8DynamicActivationInt8WeightConfig()
    quantize_(module, config)
    return module


def open_trained(part: TowerPart, row: EngineRow, folder: Path) -> OpenedPart:
    """A copy of the part with the file's layers. MissingWeights and BadCheckpoint name the command that makes it."""
    kept = read_quantized(cache_file(folder.parent.parent, QAT), scheme=QAT, base=part.space, make=TRAINED)
    bare: Any = deepcopy(part.module)
    put_chains(bare.module, part.path, kept.tensors)

    @torch.inference_mode()
    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        return list(bare(*inputs))

    return OpenedPart(run=run, size_bytes=part.num_weights)


OPENVINO_FILE = "part.xml"  # the weights lie beside it
SHAPES = "CPU_RUNTIME_CACHE_CAPACITY"  # OpenVINO's cache of what it made ready for the shapes that came
MOST_SHAPES = 256  # entries; its own 5,000 held 300 MB more after 600 batches of texts of all lengths, and grew on
HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "bf16"}  # what is not in eight bits


def open_openvino(part: TowerPart, row: EngineRow, folder: Path) -> OpenedPart:
    """The part on the row's device. RuntimeError says why OpenVINO cannot, MissingPackage that it is absent."""
    openvino = import_openvino()
    where = openvino_folder(folder, row, part.path)
    own = make_once(where, lambda empty: convert_to_openvino(part, row, empty), sums=SUM)
    core = openvino.Core()
    model = core.read_model(own / OPENVINO_FILE)
    if row.device == "npu":
        model.reshape([1, *model.inputs[0].partial_shape[1:]])
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if row.device == "cpu":
        settings |= {"INFERENCE_NUM_THREADS": torch.get_num_threads(), SHAPES: MOST_SHAPES}
        if has_precision(core, HINTS[row.numbers]):
            settings["INFERENCE_PRECISION_HINT"] = HINTS[row.numbers]
    compiled = core.compile_model(model, row.device.upper(), settings)
    run = make_runner(compiled, one_by_one=row.device == "npu")
    return OpenedPart(run=run, size_bytes=size_bytes(own) // (1 if row.numbers in ("fp32", "int8") else 2))


def openvino_folder(folder: Path, row: EngineRow, path: str) -> Path:
    """The folder of a part's files; bfloat16 is made of those in 32 bits when it is compiled."""
    return folder / f"openvino-{'int8' if row.numbers == 'int8' else 'fp32'}" / path


def is_made(folder: Path, row: EngineRow, paths: Sequence[str]) -> bool:
    """Whether the row is an engine of OpenVINO, and the files of all these parts are there, whole or not."""
    return row.maker == "openvino" and all((openvino_folder(folder, row, path) / SUM).is_file() for path in paths)


def has_precision(core: Any, hint: str) -> bool:
    """Whether the processor computes in this precision; float32 always."""
    wanted = {"bf16": "BF16", "f16": "FP16"}.get(hint)
    return wanted is None or wanted in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def make_runner(compiled: Any, *, one_by_one: bool) -> Run:
    """Make a function that runs the compiled model, with as many inference requests as ever run at once.

    A request keeps what it computed with, up to the largest batch. One for each of a server's seventy threads would
    grow for hours.
    """
    free = deque[Any]()  # the one that was used last is used next

    def once(inputs: Sequence[Tensor]) -> list[Tensor]:
        try:
            request = free.pop()
        except IndexError:  # all are at work
            request = compiled.create_infer_request()
        try:
            told = request.infer([as_array(x) for x in inputs], share_inputs=True)
            return [torch.from_numpy(array) for array in told.values()]
        finally:
            free.append(request)

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        if not one_by_one:
            return once(inputs)
        rows = [once(row) for row in zip(*(x.split(1) for x in inputs), strict=True)]
        return [torch.cat(outputs) for outputs in zip(*rows, strict=True)]

    return run


def as_array(x: Tensor) -> Any:
    """For engines: rows in the order of their dimensions, floats in 32 bits."""
    return (x.float() if x.is_floating_point() else x).contiguous().numpy()


def convert_to_openvino(part: TowerPart, row: EngineRow, folder: Path) -> None:
    """Convert, set eight bits where they are wished for, and save."""
    openvino = import_openvino()
    example = tuple(x.clone() for x in part.example())
    with catch_warnings(), torch.no_grad():
        simplefilter("ignore")  # of tracing: what it warns of was compared with torch
        model = openvino.convert_model(part.module, example_input=example)
    if row.numbers == "int8":
        model = quantize_openvino(model, part)
    openvino.save_model(model, folder / OPENVINO_FILE, compress_to_fp16=False)


def quantize_openvino(model: Any, part: TowerPart) -> Any:
    """The same model with weights and what lies between layers in eight bits. MissingPackage without nncf."""
    nncf = import_nncf()
    rows = [tuple(as_array(x[None]) for x in row) for batch in part.seen() for row in zip(*batch, strict=True)]
    data = nncf.Dataset([row if len(row) > 1 else row[0] for row in rows])
    kind = nncf.ModelType.TRANSFORMER if part.tower == "text" else None
    with redirect_stdout(StringIO()):  # it draws progress bars
        return nncf.quantize(model, data, model_type=kind, subset_size=len(rows))


ONNX_FILE = "part.onnx"
OPSET = 17
PROVIDERS = {
    "cpu": ["CPUExecutionProvider"],
    "cuda": ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"],
}


def open_onnx(part: TowerPart, row: EngineRow, folder: Path) -> OpenedPart:
    """The part on the row's device. What ONNX Runtime raises says why it cannot, MissingPackage that it is absent."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackage("onnxruntime", needed_for="the engines of ONNX Runtime", extra="engines") from error
    plain = own = make_once(folder / "onnx-fp32" / part.path, lambda empty: export(part, empty / ONNX_FILE), sums=SUM)
    if row.numbers == "int8":
        where = folder / "onnx-int8" / part.path
        own = make_once(where, lambda empty: quantize_onnx(part, plain / ONNX_FILE, empty / ONNX_FILE), sums=SUM)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores are for others in between
    session = onnxruntime.InferenceSession(str(own / ONNX_FILE), options, providers=PROVIDERS[row.device])

    def run(inputs: Sequence[Tensor]) -> list[Tensor]:
        given = {name: as_array(x) for name, x in zip(part.names, inputs, strict=True)}
        return [torch.from_numpy(array) for array in session.run(None, given)]

    return OpenedPart(run=run, size_bytes=size_bytes(own))


def export(part: TowerPart, file: Path) -> None:
    """Write the part as ONNX, for any number of rows and tokens. MissingPackage without onnx."""
    example = tuple(x.clone() for x in part.example())
    outputs = [f"out{n}" for n in range(len(part.module(*example)))]
    lengths = {0: "rows", 1: "tokens"} if part.tower == "text" else {0: "rows"}
    axes = dict.fromkeys((*part.names, *outputs), lengths)
    write_onnx(part.module, example, file, inputs=part.names, axes=axes, needed_for="the engines of ONNX Runtime")


def write_onnx(
    module: nn.Module,
    example: Batch,
    file: Path,
    *,
    inputs: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
    needed_for: str,
) -> None:
    """Trace a module into a file. `axes` has every input and output in order, and what its lengths are called.

    MissingPackage without onnx.
    """
    try:
        with catch_warnings(), torch.no_grad():
            simplefilter("ignore")  # of tracing: what it warns of was compared with torch
            torch.onnx.export(
                module.eval(),
                example,
                str(file),
                dynamo=False,
                opset_version=OPSET,
                input_names=list(inputs),
                output_names=[name for name in axes if name not in inputs],
                dynamic_axes=axes,
            )
    except (ImportError, torch.onnx.errors.OnnxExporterError) as error:
        raise MissingPackage("onnx", needed_for=needed_for, extra="engines") from error


def quantize_onnx(part: TowerPart, plain: Path, file: Path) -> None:
    """Write the same model in eight bits."""
    from onnxruntime import quantization

    if part.tower == "text":
        quantization.quantize_dynamic(plain, file, weight_type=quantization.QuantType.QInt8, per_channel=True)
        return
    quantization.quantize_static(plain, file, _rows(part), per_channel=True, quant_format=quantization.QuantFormat.QDQ)


def _rows(part: TowerPart) -> Any:
    """A calibration reader for ONNX Runtime: a row at a time, then None."""
    from onnxruntime.quantization import CalibrationDataReader

    class CalibrationRows(CalibrationDataReader):
        """One dictionary a picture."""

        def __init__(self) -> None:
            self._rows: Iterator[tuple[Tensor, ...]] = (
                row for batch in part.seen() for row in zip(*(x.split(1) for x in batch), strict=True)
            )

        def get_next(self) -> dict[str, Any] | None:
            """The next one."""
            row = next(self._rows, None)
            return None if row is None else {name: as_array(x) for name, x in zip(part.names, row, strict=True)}

    return CalibrationRows()


OPENERS: Mapping[str, Callable[[TowerPart, EngineRow, Path], OpenedPart]] = {
    "torch": open_torch,
    "trained": open_trained,
    "onnxruntime": open_onnx,
    "openvino": open_openvino,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """The parts that were replaced in a model, and the modules that they replaced."""

    model: nn.Module
    before: Mapping[str, nn.Module]  # path -> module
    size_bytes: int = 0  # of the engines' weights

    def remove(self) -> None:
        """Put the original modules back."""
        for path, module in self.before.items():
            replace_module(self.model, path, module)


def parts_of(space: PackagedSpace, tower: Tower, samples: Samples) -> list[TowerPart]:
    """Of the model as it is now."""
    if tower == "image":
        parts = image_parts(space.model, lambda: samples.pixels(space.side_px), side_px=space.side_px)
    else:
        parts = text_parts(space.model, lambda: samples.tokens(space.model.text_tower.tokenizer))
    return [replace(part, space=space.fingerprint) for part in parts]


def install(model: nn.Module, parts: list[TowerPart], row: EngineRow, folder: Path) -> Installed:
    """All parts of a tower, or none: whatever an engine raises comes through, and the model is as it was."""
    if row.name == AS_IT_IS:
        return Installed(model=model, before={})
    opened = [OPENERS[row.maker](part, row, folder) for part in parts]
    before = {
        part.path: replace_module(model, part.path, stand_in(part, one.run))
        for part, one in zip(parts, opened, strict=True)
    }
    return Installed(model=model, before=before, size_bytes=sum(one.size_bytes for one in opened))


def carry_out(plan: Plan, space: PackagedSpace, folder: Path, say: Callable[[str], None]) -> Plan:
    """Put the plan's engines in. Where one does not open, the tower stays in torch, and the plan that comes back and
    `say` tell why.
    """
    for tower in TOWERS:
        row = plan.engine(tower)
        try:
            install(space.model, parts_of(space, tower, Samples()), row, folder)
        except Exception as error:  # noqa: BLE001  # engines are other people's: whatever one raises, torch can do it
            line = f"{tower}: not {row.name}, since it does not open ({first_line(error)}): {AS_IT_IS} instead"
            say(line)
            fell_back = (*plan.fell_back, line)
            plan = replace(plan, image=AS_IT_IS if tower == "image" else plan.image, fell_back=fell_back)
            plan = replace(plan, text=AS_IT_IS if tower == "text" else plan.text)
    return plan
