"""A program for tests to kill at any moment: it downloads one model, as the service and the command line do.

    python tests/killed_download.py

reads lines "ENDPOINT BYTES FOLDER" and begins each in a process of its own, whose number it answers: the library lies
in FOLDER/library, the cache in FOLDER/hub, and no file of that process may be larger than BYTES (0: any size), which is
a full disk. That takes no time, since everything is imported already. The job goes on where one of before was cut off;
when it has ended, FOLDER/ended-PID holds its state and message.
"""

import os
import resource
import signal
import sys
import traceback
from pathlib import Path

from huggingface_hub import constants

from deepseek_mm.config import Config, HubConfig
from deepseek_mm.jobs import Jobs, Worker, follow
from deepseek_mm.models.downloads import Downloads, HubPermission

NAME = "some/model"
HUB = HubConfig(allowed=True, backoff_s=0.01, silence_s=1.0, connect_s=1.0, retries=4, longest_wait_s=2, spare_mb=0)


def open_downloads(place: Path, endpoint: str) -> Downloads:
    """The downloads of the library of this place."""
    constants.HF_HUB_CACHE, constants.HF_HUB_OFFLINE = str(place / "hub"), False
    config = Config(data=place / "library", hub=HUB)
    config.data.mkdir(parents=True, exist_ok=True)
    environ = {"HF_ENDPOINT": endpoint, "HOME": str(place)}
    return Downloads(
        config=config, jobs=Jobs(config.data / "jobs.db"), permission=HubPermission.of(config), environ=environ
    )


def begin(place: Path, endpoint: str, most_bytes: int) -> None:
    """Download, or go on."""
    if most_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    try:
        downloads = open_downloads(place, endpoint)
        Worker(downloads.jobs, downloads.handlers).start()
        job = downloads.start(NAME).job
        for ended in follow(downloads.jobs, job):
            told = f"{ended.state}\n{ended.message}"
    except BaseException:  # noqa: BLE001  whatever it is, the test is to see it
        told = f"broke\n{traceback.format_exc()}"
    (place / f"ended-{os.getpid()}").write_text(told)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave no zombies
    for line in sys.stdin:
        address, most, folder = line.rstrip("\n").split(" ", 2)
        if (pid := os.fork()) == 0:
            begin(Path(folder), address, int(most))
            os._exit(0)
        os.write(1, f"{pid}\n".encode())
