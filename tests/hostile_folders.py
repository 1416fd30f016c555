"""Folders that mean harm: links, pipes and devices among files, names of all kinds, rules and paths without end.

Name -> what makes the folder.
"""

import os
from collections.abc import Callable
from pathlib import Path

from bad_files import fifo, plug
from hostile_pictures import xmp_bomb, xmp_outside
from made_files import picture_bytes, zip_bytes

Make = Callable[[Path], object]
WORDS = b"words that are whole"


def sound(folder: Path) -> Path:
    """A folder with one sound file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sound.txt").write_bytes(WORDS)
    return folder


def links(folder: Path) -> None:
    sound(folder)
    for name, target in {
        "passwd.txt": "/etc/passwd", "zero.txt": "/dev/zero", "memory.txt": "/proc/self/mem", "loop.txt": "loop.txt",
        "root": "/", "above": "..", "itself": ".", "gone.jpg": "gone", "standard.txt": "/dev/stdin",
        "disk.png": "/dev/urandom", "link.zip": "/etc/passwd", "watch.txt": "/proc/kmsg",
    }.items():  # fmt: skip
        (folder / name).symlink_to(target)


def pipes(folder: Path) -> None:
    sound(folder)
    for name in ("pipe.jpg", "pipe.txt", "pipe.zip", ".gitignore", "pipe.mp4"):
        fifo(folder / name)
    plug(folder / "plug.png")


def devices(folder: Path) -> None:
    """Devices, where this user may make some."""
    sound(folder)
    for name, number in (
        ("zero.txt", os.makedev(1, 5)),
        ("full.jpg", os.makedev(1, 7)),
        ("random.mp4", os.makedev(1, 9)),
    ):
        try:
            os.mknod(folder / name, 0o20666, number)
        except PermissionError:
            fifo(folder / name)


def deep(folder: Path) -> None:
    """Folders inside one another, deeper than a path may be long."""
    sound(folder)
    here = os.open(folder, os.O_RDONLY)
    try:
        for _ in range(600):
            os.mkdir("d" * 20, dir_fd=here)
            below = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        file = os.open("deep.txt", os.O_WRONLY | os.O_CREAT, dir_fd=here)
        os.write(file, WORDS)
        os.close(file)
    finally:
        os.close(here)


def names(folder: Path) -> None:
    sound(folder)
    for name in (
        b"\xff\xfe.txt", b"\xed\xa0\x80.txt", "\u202etxt.exe".encode(), b"a" * 251 + b".txt", b"\n.txt", b"\x1b[2J.txt",
        b"..txt", b"a!", b"%00.txt", b"'; DROP TABLE sources; --.txt", b"<img src=x onerror=alert(1)>.txt",
        "e\u0301.txt".encode(), "\u00e9.txt".encode(), b"-rf.txt", b"\\..\\..\\evil.txt", b"C:evil.txt", b" .txt",
        b"a.zip!", b"$(id).txt",
    ):  # fmt: skip
        with open(os.path.join(os.fsencode(folder), name), "wb") as file:
            file.write(WORDS)


def many(folder: Path) -> None:
    sound(folder)
    for n in range(2_000):
        (folder / f"{n}.txt").touch()


def rules_nested(folder: Path) -> None:
    """Rules of what is left out that take for ever to follow, on a path that is made for them."""
    below = sound(folder) / "/".join("a" * 60)
    sound(below)
    (folder / ".gitignore").write_text("/".join(["**/a"] * 20) + "/**/b\n")


def rules_starred(folder: Path) -> None:
    sound(folder)
    (folder / ("a" * 200 + ".txt")).write_bytes(WORDS)
    (folder / ".gitignore").write_text("*a" * 30 + "*b\n" + "a?*" * 30 + "b\n" + "[a-z]*" * 30 + "b\n")


def rules_many(folder: Path) -> None:
    sound(folder)
    (folder / ".gitignore").write_text("".join(f"folder{n}/**/*.o\n" for n in range(40_000)))


def rules_odd(folder: Path) -> None:
    sound(folder)
    (folder / ".gitignore").write_bytes(b"[" * 9_000 + b"\n!" * 9_000 + b"\n\\\n" + b"\xff" * 900 + b"\n**\n***/**\n")


def git_elsewhere(folder: Path) -> None:
    """A repository whose own folder is a file that leads elsewhere, with hooks and filters."""
    sound(folder)
    (folder / ".git").write_text("gitdir: /etc\n" + "x" * 5_000_000)
    (folder / ".gitattributes").write_text("* filter=evil\n")


def sidecars(folder: Path) -> None:
    """Photos whose sidecars mean harm."""
    folder.mkdir(parents=True)
    for name, data in {
        "bomb": xmp_bomb(12), "outside": xmp_outside(), "deep": b"<a>" * 500_000,
        "zeros": bytes(3_000_000), "large": b"<a/>" * 2_000_000,
    }.items():  # fmt: skip
        (folder / f"{name}.png").write_bytes(picture_bytes())
        (folder / f"{name}.png.xmp").write_bytes(data)
    (folder / "pipe.png").write_bytes(picture_bytes())
    fifo(folder / "pipe.png.xmp")


def archive_behind_link(folder: Path) -> None:
    sound(folder)
    (folder.parent / "elsewhere.zip").write_bytes(zip_bytes({"a.txt": WORDS}))
    (folder / "link.zip").symlink_to("../elsewhere.zip")
    (folder / "folder.zip").mkdir()
    (folder / "folder.png").mkdir()


def sparse_files(folder: Path) -> None:
    sound(folder)
    for name in ("a.txt", "b.png", "c.pdf", "d.zip", "e.docx", "f.py"):
        with (folder / name).open("wb") as file:
            file.truncate(10 * 1024**3)


FOLDERS: dict[str, Make] = {
    "links": links,
    "pipes": pipes,
    "devices": devices,
    "deep": deep,
    "names": names,
    "many": many,
    "rules-nested": rules_nested,
    "rules-starred": rules_starred,
    "rules-many": rules_many,
    "rules-odd": rules_odd,
    "git-elsewhere": git_elsewhere,
    "sidecars": sidecars,
    "archive-behind-link": archive_behind_link,
    "sparse-files": sparse_files,
}
