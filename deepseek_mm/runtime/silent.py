"""OpenVINO and nncf without their telemetry: imported as they are, they tell their maker about it over the internet.

Both go on without the package that tells; it is kept from being imported. See `openvino_telemetry`, which sends unless
its user said no beforehand.
"""

import sys
from typing import Any

from deepseek_mm.errors import MissingPackage

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
