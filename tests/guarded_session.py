"""A session of a library in which every file is noted that Python opens:  python tests/guarded_session.py FOLDER"""

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

ROOT = Path(__file__).parent.parent
if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(ROOT)]

ENDINGS = (".db", ".db-wal", ".db-shm", ".db-journal")
ROOM = "bundle-"  # begins the name of a backup's or a restore's own room: what lies there nobody has open as a database
BESIDE = """
import sys
from pathlib import Path
from deepseek_mm.history import History
from deepseek_mm.jobs import Jobs
from deepseek_mm.storage.sqlite_database import SqliteDatabase
from index.database import STORE
data = Path(sys.argv[1])
for each in (History(data / "history.db"), Jobs(data / "jobs.db"), SqliteDatabase(data / "space" / "store.db", STORE)):
    each.close()
"""


def open_beside(data: Path) -> None:
    """Another process opens every database of the library, and closes it."""
    subprocess.run([sys.executable, "-c", BESIDE, data], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


def deleted_files(pid: int | str) -> list[str]:
    """SqliteDatabase files that the process has open and that nobody else can find any more."""
    targets = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            targets.append(os.readlink(link))
        except OSError:
            continue
    return sorted(target for target in targets if ".db" in target and target.endswith("(deleted)"))


class Watch:
    """Notes who opens a file of a database other than through SQLite, whose own opening Python does not see."""

    def __init__(self, data: Path) -> None:
        self._data, self.found, self.num_seen = str(data), list[str](), 0

    def __call__(self, event: str, args: tuple) -> None:
        if event != "open" or not isinstance(args[0], (str, bytes)):
            return
        self.num_seen += 1
        path = os.fsdecode(args[0])
        if path.endswith(ENDINGS) and ROOM not in path:
            self.found.append(f"{path}\n{''.join(traceback.format_stack(limit=8))}")


def run_session(data: Path) -> tuple[list[str], list[str], int]:
    """Everything that a person can do with a library, once: what was opened, what is deleted, and how much was seen."""
    from rag_house import build, paint

    from deepseek_mm.errors import BadFile
    from deepseek_mm.jobs import follow
    from deepseek_mm.parse.document import open_file
    from deepseek_mm.types import Question

    watch = Watch(data)
    sys.addaudithook(watch)
    assistant = build(data)
    library = assistant.library
    library.start()
    deleted: list[str] = []

    def done(job, *, beside: bool = False) -> None:
        *_, job = follow(library.jobs, job.id)
        assert job.state == "done", job
        if beside:
            open_beside(data)
        deleted.extend(deleted_files("self"))

    photos = data.parent / "photos"
    for colour in ("red", "green"):
        paint(photos, f"{colour}.png", colour)
    done(library.add([photos]))
    answer = list(assistant.stream(Question(text="Is there a red thing?")))[-1]
    assert answer.turn
    library.health()
    assert library.find_traces(str(photos / "red.png"))
    for path in (data / "history.db", data / "jobs.db", data / "space" / "store.db", data / "space" / "store.db-wal"):
        try:
            open_file(path, assistant.config.parse)
        except BadFile:
            continue
    taken = library.take_out([photos / "red.png"])
    library.find_traces("anything at all")
    library.put_back(taken.token)
    library.take_out([photos / "green.png"])
    library.purge(older_s=-1)
    library.health()
    backup = data.parent / "backup.deepseek-mm"
    for job in (library.verify(), library.repair(), library.duplicates()):
        done(job)
    done(library.backup(backup), beside=True)
    done(library.restore(backup), beside=True)
    library.find_traces("anything at all")
    library.delete_everything()
    library.find_traces("anything at all")
    assistant.close()
    return watch.found, deleted, watch.num_seen


if __name__ == "__main__":
    found, deleted, num_seen = run_session(Path(sys.argv[1]))
    sys.stdout.write(json.dumps({"found": found, "deleted": deleted, "seen": num_seen}))
