"""The page in a process of its own, as a user starts it: `python app.py --port 0 --data FOLDER`."""

import os
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere, ServerError
from deepseek_mm.machine import ROOT
from deepseek_mm.settings import describe

APP = ROOT / "app.py"
START_S, END_S, POLL_S = 300.0, 30.0, 0.1
SAID = 12  # last lines of a server that failed, in the error
READY = "ready: "


class PageServer:
    """Runs while the `with` block does; the library lies in `data`, which must be new."""

    def __init__(self, data: Path, config: Config, *, script: Path = APP) -> None:
        self.data, self._log = data, data.parent / f"{data.name}.log"
        if not script.is_file():
            raise NothingThere(f"no page at {script}. Run this from a clone of the repository")
        data.mkdir()
        (data / "config.toml").write_text(settings(config))
        (data / "first-start").write_text("done")  # the bundled photos stay out
        self._words = [sys.executable, str(script), "--port", "0", "--data", str(data)]

    def __enter__(self) -> Self:
        with self._log.open("w") as log:
            self.process = subprocess.Popen(self._words, cwd=self.data.parent, stdout=log, stderr=subprocess.STDOUT)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def url(self) -> str:
        """The address, once the page answers there. ServerError with its last words if it does not start."""
        give_up_at = time.monotonic() + START_S
        while time.monotonic() < give_up_at and self.process.poll() is None:
            lines = self._log.read_text(errors="replace").splitlines()
            for line in lines:
                if line.startswith(READY):
                    return line.removeprefix(READY).split()[0]
            time.sleep(POLL_S)
        said = "\n".join(self._log.read_text(errors="replace").splitlines()[-SAID:])
        raise ServerError(f"the page did not start within {START_S:.0f} s. Try it with: make run. It said:\n{said}")

    def resident_mb(self) -> float:
        """Memory of its process that is in use."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def processor_ms(self) -> float:
        """Time that its process has had on the processor, all threads together."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        user, system = int(fields[11]), int(fields[12])  # counted from the state, which stands behind the name
        return 1000 * (user + system) / os.sysconf("SC_CLK_TCK")


def settings(config: Config) -> str:
    """The settings as a file of the library, which says nothing of where it lies itself."""
    lines = describe(config).splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("data "))
