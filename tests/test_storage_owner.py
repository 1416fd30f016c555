"""Owners: a process is its number and its start, and a dead one is never mistaken for a living one."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

from deepseek_mm.storage.owner import Owner, current_process, process_start


def test_a_process_is_its_number_and_its_start():
    me = current_process()
    assert me.lives
    assert me == current_process()
    assert not replace(me, started=me.started + "1").lives
    assert not Owner(pid=2**22 + 1, started=process_start(2**22 + 1)).lives


def test_a_process_lives_until_it_is_killed_and_a_zombie_does_not():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        owner = Owner(pid=child.pid, started=process_start(child.pid))
        assert owner.lives
        child.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
        assert not owner.lives
    assert not owner.lives


def test_a_process_without_a_known_start_does_not_count_as_living():
    assert not Owner(pid=os.getpid(), started="").lives
