"""A part by OpenVINO: converted from torch once, kept in the cache, compiled at every start (a fifth of a second).

An NPU wants to know every length beforehand: there a part takes one picture at a time. Eight bits are set by nncf from
what the part sees of real pictures or captions.
"""

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from threading import local
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor

from deepseek_mm.runtime.engines import EngineRow
from deepseek_mm.runtime.silent import import_nncf, import_openvino
from deepseek_mm.runtime.towers.engine_files import SUM, make_cached, size_bytes
from deepseek_mm.runtime.towers.parts import OpenedPart, Run, TowerPart

OPENVINO_FILE = "part.xml"  # the weights lie beside it
HINTS = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "bf16"}  # what is not in eight bits


def open_openvino(part: TowerPart, row: EngineRow, folder: Path) -> OpenedPart:
    """The part on the row's device. RuntimeError says why OpenVINO cannot, MissingPackage that it is absent."""
    openvino = import_openvino()
    own = make_cached(openvino_folder(folder, row, part.path), lambda empty: convert_to_openvino(part, row, empty))
    core = openvino.Core()
    model = core.read_model(own / OPENVINO_FILE)
    if row.device == "npu":
        model.reshape([1, *model.inputs[0].partial_shape[1:]])
    settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    if row.device != "cpu":
        settings = {"PERFORMANCE_HINT": "LATENCY"}
    elif has_precision(core, HINTS[row.numbers]):
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
    """Whether the processor computes in it; 32 bits it always can."""
    wanted = {"bf16": "BF16", "f16": "FP16"}.get(hint)
    return wanted is None or wanted in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def make_runner(compiled: Any, *, one_by_one: bool) -> Run:
    """Each thread has a request of its own: one cannot be asked twice at once."""
    mine = local()

    def once(inputs: Sequence[Tensor]) -> list[Tensor]:
        if not hasattr(mine, "request"):
            mine.request = compiled.create_infer_request()
        told = mine.request.infer([as_array(x) for x in inputs], share_inputs=True)
        return [torch.from_numpy(array) for array in told.values()]

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
