"""Tables of engines for the towers, of language models and of image models; OpenVINO is imported without telemetry.

An engine is verified when it has run on hardware here. The others are written from their makers' documentation and
tested on described machines only: each refuses where it does not work, and the plan falls back and says so.

OpenVINO and nncf work without the package `openvino_telemetry`, which sends usage data unless its user objected
beforehand; it is kept from being imported.
"""

import sys
from dataclasses import dataclass
from typing import Any, Literal

from deepseek_mm.errors import MissingPackage

Tower = Literal["image", "text"]
TOWERS: tuple[Tower, ...] = ("image", "text")
AS_IT_IS = "torch"  # the engine that changes nothing
EXTRA = {"onnxruntime-gpu": "tensorrt"}  # package -> extra, where it is not "engines"
REQUIRED = ("openvino", "onnxruntime")  # packages that every installation has


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineRow:
    """One way to compute a tower."""

    name: str
    maker: Literal["torch", "trained", "onnxruntime", "openvino"]  # "trained": torch, by a file of `train qat`
    numbers: Literal["fp32", "bf16", "int8", "fp16", "mixed"]  # "mixed": bfloat16 where the processor multiplies it
    device: Literal["cpu", "cuda", "npu"] = "cpu"
    channels_last: bool = True  # how pictures lie in memory; only torch lets us choose
    needs: tuple[str, ...] = ()  # packages
    towers: tuple[Tower, ...] = TOWERS
    verified: bool = True  # it has run on hardware


ENGINES = (
    EngineRow(name=AS_IT_IS, maker="torch", numbers="mixed"),
    EngineRow(name="torch-fp32", maker="torch", numbers="fp32"),
    EngineRow(name="torch-fp32-rows", maker="torch", numbers="fp32", channels_last=False, towers=("image",)),
    EngineRow(name="torch-bf16", maker="torch", numbers="bf16"),
    EngineRow(name="torch-bf16-rows", maker="torch", numbers="bf16", channels_last=False, towers=("image",)),
    EngineRow(name="torchao-int8", maker="torch", numbers="int8", needs=("torchao",), towers=("text",)),
    EngineRow(name="torch-qat-int8", maker="trained", numbers="int8", towers=("image",)),
    EngineRow(name="onnxruntime-fp32", maker="onnxruntime", numbers="fp32", needs=("onnxruntime", "onnx")),
    EngineRow(name="onnxruntime-int8", maker="onnxruntime", numbers="int8", needs=("onnxruntime", "onnx")),
    EngineRow(name="openvino-fp32", maker="openvino", numbers="fp32", needs=("openvino",)),
    EngineRow(name="openvino-bf16", maker="openvino", numbers="bf16", needs=("openvino",)),
    EngineRow(name="openvino-int8", maker="openvino", numbers="int8", needs=("openvino", "nncf")),
    EngineRow(
        name="openvino-npu",
        maker="openvino",
        numbers="fp16",
        device="npu",
        needs=("openvino",),
        towers=("image",),
        verified=False,
    ),
    EngineRow(
        name="onnxruntime-tensorrt",
        maker="onnxruntime",
        numbers="fp16",
        device="cuda",
        needs=("onnxruntime-gpu", "onnx"),
        verified=False,
    ),
    EngineRow(name="cuda-bf16", maker="torch", numbers="bf16", device="cuda", verified=False),
)
BY_NAME = {row.name: row for row in ENGINES}


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """A model that a plan may ask for."""

    name: str
    says: str  # what it is
    lacks: str = ""  # what does not work with it; empty if all does


LANGUAGE_MODELS = (
    ModelRow(name="packed", says="weights in eight bits, tokens by loops of our own where they can be compiled"),
    ModelRow(name="plain", says="torch alone, in 32 bits: what others are compared with"),
    ModelRow(name="fp4", says="weights in four bits (E2M1), from the file that quantize made"),
    ModelRow(name="int8", says="weights in eight bits, from the file that quantize made"),
    ModelRow(
        name="edge-lm",
        says="a fifth of the layers, taught by the others and kept in four bits",
        lacks="it phrases answers, and knows little else",
    ),
)
IMAGE_MODELS = (
    ModelRow(name="efficientnet-lite2", says="the packaged tower, with our heads"),
    ModelRow(
        name="edge-towers",
        says="half of the arithmetic, taught to see and answer like the default tower: the space named edge",
        lacks="no descriptions, and boxes around people by words only",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """How one engine did, at one tower, on one machine."""

    tower: Tower
    engine: str  # a name of ENGINES
    one_ms: float = 0.0  # a pass over one picture or text
    many_ms: float = 0.0  # a pass over several, divided by their number
    cosine: float = 0.0  # of its vectors with those in 32 bits, the mean
    worst_cosine: float = 0.0  # and the least
    size_bytes: int = 0  # of its weights
    refused: str = ""  # why it cannot be used; the numbers are then 0

    @property
    def cost_ms(self) -> float:
        """One number for both uses: asking passes one picture, filling a library many; each counts the same."""
        return float((self.one_ms * self.many_ms) ** 0.5)


TELEMETRY_PACKAGE = "openvino_telemetry"


def import_openvino() -> Any:
    """The package, silent. MissingPackage without it."""
    block_telemetry()
    try:
        import openvino
    except ImportError as error:
        raise MissingPackage("openvino", needed_for="the engines of OpenVINO") from error
    return openvino


def import_nncf() -> Any:
    """The same of nncf."""
    block_telemetry()
    try:
        import nncf
    except ImportError as error:
        raise MissingPackage("nncf", needed_for="OpenVINO's engine in eight bits", extra="engines") from error
    return nncf


def block_telemetry() -> None:
    """Unless somebody else in this process wanted to tell."""
    sys.modules.setdefault(TELEMETRY_PACKAGE, None)  # type: ignore[arg-type]  # None: an import of it fails
