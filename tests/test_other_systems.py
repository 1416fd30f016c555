"""Where what only Linux has is missing it goes without; Windows is told where it runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HIDING = """
import fcntl, os
for name in ("O_PATH", "memfd_create", "sched_getaffinity"):
    delattr(os, name)
delattr(fcntl, "F_ADD_SEALS")
"""
SCRIPT = """
cp /proc/cpuinfo "$1/cpuinfo" && mount -t tmpfs none /proc && cp "$1/cpuinfo" /proc/cpuinfo || exit 77
set -- --set "data=$1/library" --set lm.name=none
"$PYTHON" -m deepseek_mm index examples/photos/tower-of-pisa.jpg docs/usage.md "$@" || exit 1
"$PYTHON" -m deepseek_mm ask "is there a tower?" "$@"
"""  # /proc/cpuinfo stays for torch, which asks the system on macOS


def test_windows_is_told_where_the_program_runs():
    code = "import os; os.name = 'nt'; import deepseek_mm"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert told.returncode == 1
    assert "It runs in WSL 2" in told.stderr


@pytest.mark.campaign(times=1, only=True)
def test_a_photo_and_a_text_are_read_and_asked_without_what_only_linux_has(tmp_path):
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("needs root and unshare, to take /proc away")
    (tmp_path / "sitecustomize.py").write_text(HIDING)
    environment = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    told = subprocess.run(
        ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=ROOT, env=environment, timeout=600,
    )  # fmt: skip
    if told.returncode == 77:
        pytest.skip("this container does not let /proc be taken away")
    assert told.returncode == 0, told.stderr
    assert "2 added" in told.stdout
    assert "tower-of-pisa.jpg" in told.stdout
