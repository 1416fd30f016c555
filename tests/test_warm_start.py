"""A page that is started ahead of its imports is a process like any other."""

import os
import signal
import sys

import pytest
from serving import start_process
from warm_start import ADDRESS, WarmProcess

SCRIPT = """
import os, sys, time
print(sys.argv[1:], os.getcwd(), os.environ.get("COLOUR"), __name__, flush=True)
if sys.argv[1] == "wait":
    time.sleep(600)
if sys.argv[1] == "fail":
    raise ValueError("no kite")
sys.exit(int(sys.argv[1]))
"""
STARTS = [start_process, pytest.param(WarmProcess, marks=pytest.mark.skipif(sys.platform != "linux", reason="Linux"))]


@pytest.fixture
def begin(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    environ = {"COLOUR": "red"} | {name: os.environ[name] for name in (ADDRESS, "PATH") if name in os.environ}
    return lambda start, word: start([str(tmp_path / "script.py"), word], tmp_path, environ)


@pytest.mark.parametrize("start", STARTS)
def test_a_script_has_its_words_its_folder_and_its_environment_and_ends_as_it_says(begin, start, tmp_path):
    process = begin(start, "7")
    assert process.stdout.read() == f"['7'] {tmp_path} red __main__\n"
    assert (process.wait(30), process.poll()) == (7, 7)


@pytest.mark.parametrize("start", STARTS)
def test_a_script_that_fails_says_why(begin, start):
    process = begin(start, "fail")
    assert process.stdout.read().endswith("ValueError: no kite\n")
    assert process.wait(30) == 1


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize(("sig", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_ends_it(begin, start, sig, code):
    process = begin(start, "wait")
    assert "wait" in process.stdout.readline()
    assert process.poll() is None
    process.send_signal(sig)
    assert process.wait(30) == code
    process.kill()  # of what has ended is nothing
