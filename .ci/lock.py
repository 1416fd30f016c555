"""Write requirements.lock and requirements-dev.lock: every package at one version, with the hashes of its files.

torch and torchvision are left to the machine, whose build fits its processor, and so is what they bring for GPUs.
Run by `make lock` with uv beside this Python; the versions are those of Python 3.11 on Linux.
"""

import re
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).parent.parent
OF_THE_MACHINE = re.compile(r"(torch|torchvision|triton|(nvidia|cuda)-.*)==")
HEAD = """# {what} Made by: make lock. Install with: {how}
# torch and torchvision are not in it, since their builds differ by machine: install those of requirements.txt first.
"""
INSTALL = "pip install --no-deps --require-hashes -r {file}"


def main() -> None:
    """Both files; the second one holds only what the first one lacks."""
    run = pin_packages("requirements.txt")
    dev = pin_packages("pyproject.toml", "--extra", "dev", versions=run)
    write("requirements.lock", "What the page needs, version by version.", run)
    write("requirements-dev.lock", "What tests and lint need besides.", [each for each in dev if each not in run])


def pin_packages(source: str, *options: str, versions: list[str] | None = None) -> list[str]:
    """One entry a package, with its hashes; versions of `versions` stay as they are there."""
    command = [str(Path(sys.executable).with_name("uv")), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--generate-hashes", "--python-version", "3.11", "--python-platform", "x86_64-manylinux_2_28"]
    command += ["--no-config", *options, source]
    held = "".join(re.findall(r"^[^ ]+==[^ ]+", each, re.MULTILINE)[0] + "\n" for each in versions or [])
    if versions:
        command += ["--constraints", "/dev/stdin"]
    done = subprocess.run(command, cwd=HOUSE, input=held, stdout=subprocess.PIPE, text=True, check=True)
    return [each for each in split_entries(done.stdout) if not OF_THE_MACHINE.match(each)]


def split_entries(text: str) -> list[str]:
    """A lock's entries: a line with the version, and indented lines of hashes."""
    return [each for each in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if "==" in each]


def write(name: str, what: str, entries: list[str]) -> None:
    """The file, in order of names as uv gives them."""
    head = HEAD.format(what=what, how=INSTALL.format(file=name))
    (HOUSE / name).write_text(head + "".join(entries), encoding="utf-8")


if __name__ == "__main__":
    main()
