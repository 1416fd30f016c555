"""The code that screenshots are looked for in: sources of installed packages with a licence that allows it.

Python's files and what pages are made of lie in one folder, as they are installed; tests are left out. Which packages
these are is written down in `screenshots.json`, beside the screenshots themselves.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import distribution
from pathlib import Path

from deepseek_mm.errors import MissingPackage
from deepseek_mm.parse.packages import SKIPPED, InstalledPackage

PAGES = frozenset([".html", ".css", ".js", ".md", ".j2"])  # what a package's pages are made of
MOST_BYTES = 200_000  # of such a file; a larger one was made by a program
BUILT = frozenset(["assets", "node", "node_modules"])  # folders of what a program packed
LIST = Path(__file__).with_name("screenshots.json")
MARK = ".copied"  # in the folder once it is whole


def listed(file: Path = LIST) -> list[str]:
    """Names of the packages that are searched."""
    return list(json.loads(file.read_text(encoding="utf-8"))["packages"])


def licences(names: Sequence[str], installed: Iterable[InstalledPackage]) -> dict[str, str]:
    """Package -> its licence as it names it. MissingPackage for one that is not installed, or may not be read."""
    found = {package.name: package.licence for package in installed}
    for name in names:
        if name not in found:
            raise MissingPackage(name, needed_for="eval screenshot", extra="dev")
    return {name: found[name] for name in names}


def copy_sources(names: Sequence[str], installed: Iterable[InstalledPackage], folder: Path) -> int:
    """Copy the packages' sources below `folder`, once; returns how many files lie there."""
    if not (folder / MARK).is_file():
        shutil.rmtree(folder, ignore_errors=True)
        for package in installed:
            for source, place in files_of(package) if package.name in names else ():
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, folder / place)
        (folder / MARK).touch()
    return sum(path.is_file() and path.name != MARK for path in folder.rglob("*"))


def files_of(package: InstalledPackage) -> Iterator[tuple[Path, Path]]:
    """Each file, and its path from the folder of installed packages on."""
    told = distribution(package.name)
    for file in told.files or []:
        path = Path(str(told.locate_file(file)))
        if not (SKIPPED | BUILT).isdisjoint(file.parts) or ".." in file.parts:
            continue
        page = file.suffix in PAGES and path.is_file() and path.stat().st_size <= MOST_BYTES
        if page or (file.suffix == ".py" and path.is_file()):
            yield path, Path(*file.parts)
