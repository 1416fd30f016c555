"""Programs for tests to kill at any moment: each does one kind of long work, and writes down what it has finished.

    python tests/killed_work.py

reads lines "WORK FOLDER" and begins each in a process of its own, whose number it answers. That takes no time, since
everything is imported already. A work writes lines into FOLDER/said: first "ready", then whatever is done for good.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from library_help import House, Sign
from slow_ingest import SlowSpace

Say = Callable[[str], None]
PAUSE_S = 0.004  # between two steps, so that a kill finds them in the middle


def open_house(place: Path, *, seconds: float = 0.0) -> House:
    """The library of this place, which goes on with what waits there."""
    return House(place / "data", reader=Sign(), space=SlowSpace(seconds=seconds))


def ingest(place: Path, say: Say) -> None:
    """Take in the photos beside this place, then read the text in them."""
    fill(place, say, anew=False)


def rebuild(place: Path, say: Say) -> None:
    """Read everything anew."""
    fill(place, say, anew=True)


def fill(place: Path, say: Say, *, anew: bool) -> None:
    house = open_house(place, seconds=PAUSE_S)
    add, note_found = house.store.add, house.store.note_found

    def add_and_tell(source, *rest, **more):
        added = add(source, *rest, **more)
        say(source.path)
        return added

    def note_found_and_tell(files, **rest):
        moves = note_found(files, **rest)
        for file in files:
            say(file.path)
        return moves

    house.store.add, house.store.note_found = add_and_tell, note_found_and_tell
    say("ready")
    house.done(house.library.add([place.parent / "photos"], anew=anew))


def doomed(place: Path) -> list[str]:
    """What `delete` deletes: every second file, copies of others among them."""
    return [str(path) for path in sorted((place.parent / "photos").iterdir())[::2] if path.suffix != ".zip"]


def delete(place: Path, say: Say) -> None:
    """Take files out: with their last place they go themselves."""
    house = open_house(place)
    say("ready")
    for n, path in enumerate(doomed(place)):
        source = house.store.source_at(path)
        if n % 2 and source is not None and house.store.places_of([source.id])[source.id] == (path,):
            house.store.remove([source.id])
        else:
            house.library.forget([path])
        say(path)
        time.sleep(PAUSE_S)


def exchange(place: Path, say: Say) -> None:
    """Restore another library's backup, then delete everything."""
    house = open_house(place)
    say("ready")
    house.done(house.library.restore(place.parent / "other.backup"))
    say("restored")
    house.library.delete_everything()
    say("deleted")


WORKS = {work.__name__: work for work in (ingest, rebuild, delete, exchange)}


def begin(name: str, place: Path) -> None:
    """One work from its beginning to its end."""
    said = os.open(place / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        WORKS[name](place, lambda line: os.write(said, f"{line}\n".encode()))
    except BaseException:  # noqa: BLE001  whatever it is, the test is to see it
        os.write(said, f"broke\n{traceback.format_exc()}".encode())


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead leave no zombies
    for line in sys.stdin:
        work, folder = line.rstrip("\n").split(" ", 1)
        if (pid := os.fork()) == 0:
            begin(work, Path(folder))
            os._exit(0)
        os.write(1, f"{pid}\n".encode())
