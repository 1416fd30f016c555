"""Puts what lies beside the packages into the wheel: bundled photos, help and lists of packages (see bundled_files)."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
BESIDE = ("requirements.txt", "requirements-models.txt", "docs/help.md", "docs/help.*.md", "examples/photos/*")


class BuildWithBundled(build_py):
    """The packages, and the folder `bundled` in one of them; an editable install has the clone itself."""

    def run(self) -> None:
        """Copy both."""
        super().run()
        for file in [] if self.editable_mode else list_bundled():
            target = Path(self.build_lib, "deepseek_mm", "bundled", file)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HERE / file, target)


def list_bundled() -> list[Path]:
    """Their names, relative to the top of the clone."""
    return sorted({file.relative_to(HERE) for pattern in BESIDE for file in HERE.glob(pattern) if file.is_file()})


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithBundled})
