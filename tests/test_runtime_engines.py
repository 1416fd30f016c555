"""Nothing of OpenVINO or nncf leaves the machine, and no identity is written into the user's home."""

import subprocess
import sys

import pytest

CODE = """
import socket
told = []
socket.getaddrinfo = lambda *args, **more: told.append(args) or []
from deepseek_mm.runtime.engines import import_nncf, import_openvino
import_openvino()
{more}
import time, sys, openvino.tools.ovc
time.sleep(1)  # its sender is a thread
print(told, "openvino_telemetry.main" in sys.modules)
"""


@pytest.mark.parametrize(("package", "more"), [("openvino", ""), ("nncf", "import_nncf()")])
def test_nothing_is_told_and_no_identity_is_made(tmp_path, monkeypatch, package, more):
    pytest.importorskip(package)
    monkeypatch.setenv("HOME", str(tmp_path))
    ran = subprocess.run([sys.executable, "-c", CODE.format(more=more)], capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n")[-2] == "[] False"
    assert not (tmp_path / "intel").exists()
