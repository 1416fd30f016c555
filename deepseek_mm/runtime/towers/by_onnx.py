"""A part by ONNX Runtime: exported from torch once and kept in the cache; on the processor, or a GPU's TensorRT.

Eight bits: pictures with scales that were set from what the part sees (static), text with scales that are set anew at
every pass (dynamic).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor

from deepseek_mm.errors import MissingPackage
from deepseek_mm.runtime.engines import EngineRow
from deepseek_mm.runtime.towers.by_openvino import as_array
from deepseek_mm.runtime.towers.engine_files import make_cached, size_bytes
from deepseek_mm.runtime.towers.parts import OpenedPart, TowerPart

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
    plain = make_cached(folder / "onnx-fp32" / part.path, lambda empty: export(part, empty / ONNX_FILE))
    own = plain
    if row.numbers == "int8":
        own = make_cached(
            folder / "onnx-int8" / part.path, lambda empty: quantize_onnx(part, plain / ONNX_FILE, empty / ONNX_FILE)
        )
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
    try:
        with catch_warnings(), torch.no_grad():
            simplefilter("ignore")  # of tracing: what it warns of was compared with torch
            torch.onnx.export(
                part.module,
                example,
                str(file),
                dynamo=False,
                opset_version=OPSET,
                input_names=list(part.names),
                output_names=outputs,
                dynamic_axes=dict.fromkeys((*part.names, *outputs), lengths),
            )
    except (ImportError, torch.onnx.errors.OnnxExporterError) as error:
        raise MissingPackage("onnx", needed_for="the engines of ONNX Runtime", extra="engines") from error


def quantize_onnx(part: TowerPart, plain: Path, file: Path) -> None:
    """Write the same model in eight bits."""
    from onnxruntime import quantization

    if part.tower == "text":
        quantization.quantize_dynamic(plain, file, weight_type=quantization.QuantType.QInt8, per_channel=True)
        return
    quantization.quantize_static(plain, file, _rows(part), per_channel=True, quant_format=quantization.QuantFormat.QDQ)


def _rows(part: TowerPart) -> Any:
    """What ONNX Runtime's calibration reads: a row at a time, then None."""
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
