"""A worker on a machine of its own: a process that has another folder where this one has the library's, and that does
not see some folders at all. Mount namespaces of Linux make it so; they want root.

    python tests/other_machine.py SETTINGS SECONDS

is the worker, with the storage's settings as JSON.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from cluster_help import ServerHouse

from deepseek_mm.library.library_worker import LibraryWorker


def can_be_another() -> bool:
    """Whether this user may have a namespace of mounts."""
    tried = ("unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt")
    with suppress(OSError):
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0
    return False


@contextmanager
def other_machine(house: ServerHouse, own: Path, *, unseen: Path | None = None, seconds: float = 0.0):
    """A worker of the same library; `own` lies where the house has the library's folder, nothing where `unseen` is."""
    own.mkdir()
    mounts = [f"mount --bind {shlex.quote(str(own))} {shlex.quote(str(house.config.data))}"]
    mounts += [f"mount -t tmpfs none {shlex.quote(str(unseen))}"] if unseen else []
    said = json.dumps(asdict(house.config.storage) | {"data": str(house.config.data)})
    worker = shlex.join([sys.executable, __file__, said, str(seconds)])
    words = ["unshare", "-m", "sh", "-c", " && ".join([*mounts, f"exec {worker}"])]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.terminate()
        process.wait(30)


def main(settings: str, seconds: str) -> None:
    storage = json.loads(settings)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    url, data = storage.pop("url"), Path(storage.pop("data"))
    with closing(ServerHouse(url, data, seconds=float(seconds), **storage)) as house:
        worker = LibraryWorker.of(house.config, ["gpu"], name="elsewhere").admit(house.space)
        with suppress(KeyboardInterrupt), worker.working(house.library):
            os.write(1, b"ready\n")
            worker.watch(threading.Event(), lambda text: None)


if __name__ == "__main__":
    main(*sys.argv[1:])
