"""Servers, workers, nginx and PostgreSQL, each a process that is killed at random moments, while one worker is cut off,
clocks differ, disks are slow and full, and the library is being moved: what was acknowledged stays.

CLUSTER_SEED=... repeats the moments. Left out where PostgreSQL or nginx is not installed.
"""

import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from cluster_faults import SmallDisk, skewed, slow_down
from cluster_help import paint_many
from cluster_house import Cluster, Part, cluster
from jobs_help import eventually
from slow_ingest import SlowSpace

from deepseek_mm.api.server import lock_library
from deepseek_mm.benchmarks.cluster.nginx import NGINX
from deepseek_mm.benchmarks.cluster.shared_library import make_settings
from deepseek_mm.benchmarks.servers import has_postgres
from deepseek_mm.config import Config
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.factory import open_store
from deepseek_mm.library.migration import LibraryMove, MigrationReport
from deepseek_mm.storage_config import StorageConfig
from index import IndexProblem

pytestmark = pytest.mark.skipif(
    not (has_postgres() and NGINX), reason="postgresql-17 with pgvector and nginx are not installed"
)
PHOTOS, KILLS = 300, int(os.environ.get("CLUSTER_KILLS", "5"))
PARTS = max(1, KILLS // 10)  # folders, each of which is added after ten more troubles
SECONDS = 0.1  # that a photo takes a worker
END_S = 240.0


class Asker:
    """Asks one question after the other through nginx, and remembers those that were answered."""

    def __init__(self, house: Cluster) -> None:
        self.house, self.answered, self.told = house, [], Counter()
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Asker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._thread.join()

    def _ask(self) -> None:
        number = 0
        while not self.over.is_set():
            number += 1
            text = f"Is there a red thing number {number}?"
            try:
                with self.house.client() as http:  # a new one each time: either server may get it
                    answer = http.post("/ask", json={"question": text})
            except httpx.HTTPError:
                answer = None
            said = "nobody" if answer is None else str(answer.status_code)
            self.told[said] += 1
            if said == "200":
                self.answered.append(text)
            time.sleep(0.05)


@dataclass
class Trouble:
    """Something that begins at a random moment and ends a while later."""

    name: str
    begin: Callable[[], object]
    end: Callable[[], object]
    seconds: float = 0.0

    @classmethod
    def kill(cls, part: Part) -> "Trouble":
        return cls(f"{part.name} killed", part.kill, part.start)


def choose_troubles(house: Cluster, disk: SmallDisk | None, chance: random.Random) -> list[Trouble]:
    """Kills, of each kind one if there are enough, and what else may happen to a database."""
    first = [house.database, chance.choice(house.servers), chance.choice(house.workers)]
    others = [chance.choice([*house.servers, *house.workers, house.database]) for _ in range(KILLS)]
    url = house.postgres.url()
    chosen = [Trouble.kill(part) for part in (first + others)[:KILLS]]
    chosen.append(Trouble("slow disk", lambda: slow_down(url), lambda: slow_down(url, us=0), 3.0))
    if disk is not None:

        def make_room() -> None:
            disk.empty()
            if not house.database.is_alive():  # without room for its log it gives up, and somebody has to start it
                house.database.start()

        chosen.append(Trouble("full disk", disk.fill, make_room, 3.0))
    chance.shuffle(chosen)
    return chosen


def move_to_files(house: Cluster) -> MigrationReport:
    """What `library migrate --to files` does."""
    config = make_settings(house.data, StorageConfig(url=house.postgres.url(), prefix="c"))
    return LibraryMove(origin=config, target=replace(config, storage=StorageConfig()), hold=lock_library).run()


def begin_move(house: Cluster) -> str:
    """What became of a move that was begun in the midst of it all: it cannot end while servers are up."""
    try:
        return move_to_files(house).waits_for or "moved"
    except (DeepSeekMMError, IndexProblem) as error:
        return str(error)


def patiently(do):
    """What `do` returns, once the cluster can answer."""
    found = []

    def works() -> bool:
        try:
            answer = do()
        except httpx.HTTPError:
            return False
        if answer.status_code < 500:
            found.append(answer)
        return bool(found)

    eventually(works, within_s=END_S)
    assert found[-1].is_success, found[-1].text
    return found[-1].json()


def read(http: httpx.Client, path: str, **more) -> dict:
    """What this address tells, once the cluster can answer."""
    return patiently(lambda: http.get(path, params=more))


def add(http: httpx.Client, folder: Path) -> int:
    """The job that takes a folder in."""
    return patiently(lambda: http.post("/library/paths", json={"paths": [str(folder)]}))["id"]


def is_ended(http: httpx.Client, job: int) -> bool:
    """Whether the job is over."""
    return read(http, f"/library/jobs/{job}")["state"] in ("done", "failed")


def finish(http: httpx.Client, job: int, folder: Path) -> int:
    """The job that took the folder in. One with which three processes died before it came further ends, and asks to be
    started again.
    """
    eventually(lambda: is_ended(http, job), within_s=END_S)
    if "Something there takes it down" not in read(http, f"/library/jobs/{job}")["message"]:
        return job
    again = add(http, folder)
    eventually(lambda: is_ended(http, again), within_s=END_S)
    return again


def read_pages(http: httpx.Client, path: str) -> list[dict]:
    """All that a list of the API has, page by page."""
    found: list[dict] = []
    while page := read(http, path, limit=100, offset=len(found))["items"]:
        found += page
    return found


def list_asked(http: httpx.Client) -> list[str]:
    """Every question of the history that has an answer."""
    threads = [read(http, f"/history/{thread['id']}/turns")["turns"] for thread in read_pages(http, "/history")]
    return [turn["question"] for turns in threads for turn in turns if turn["answer"]["state"] == "done"]


def check_what_is_kept(http: httpx.Client, jobs: list[int], asker: Asker) -> None:
    """Every photo once, no work left over, and every answer that somebody got."""
    for job in jobs:
        done = read(http, f"/library/jobs/{job}")
        assert (done["state"], done["num_failed"]) == ("done", 0), done
    names = [source["name"] for source in read_pages(http, "/library/sources")]
    assert sorted(names) == [f"{n:04d}.png" for n in range(PHOTOS)]
    jobs = read_pages(http, "/library/jobs")
    assert [each["title"] for each in jobs if each["state"] in ("waiting", "running")] == []
    asked = list_asked(http)
    assert [text for text in asker.answered if asked.count(text) != 1] == []
    assert len(asker.answered) > KILLS


def test_photos_and_answers_that_were_acknowledged_outlive_whatever_happens_to_any_part(tmp_path):
    seed = int(os.environ.get("CLUSTER_SEED") or random.randrange(10**6))
    chance, happened = random.Random(seed), []
    each = PHOTOS // PARTS
    folders = [paint_many(tmp_path / "photos" / str(part), each, first=part * each) for part in range(PARTS)]
    disk_folder = Path(tempfile.mkdtemp(prefix="disk-"))
    with (
        SmallDisk.mounted(disk_folder) as disk,
        cluster(tmp_path, disk=disk and disk.folder, seconds=SECONDS) as house,
        ThreadPoolExecutor(1) as mover,
    ):
        with house.client() as http:
            jobs = [add(http, folders[0])]
            house.link.cut()
            move = mover.submit(begin_move, house)
            with Asker(house) as asker:
                for number, trouble in enumerate(choose_troubles(house, disk, chance)):
                    if number % 10 == 9 and len(jobs) < PARTS:
                        jobs.append(add(http, folders[len(jobs)]))
                    time.sleep(chance.uniform(1.0, 4.0))
                    trouble.begin()
                    time.sleep(trouble.seconds)
                    trouble.end()
                    happened.append(trouble.name)
                house.link.mend()
                again = [finish(http, job, folder) for job, folder in zip(jobs, folders, strict=True)]
            sys.stdout.write(
                f"CLUSTER_SEED={seed} {happened} {dict(asker.told)} {move.result()}; clocks {bool(skewed())}"
                f"; {sum(n != job for n, job in zip(again, jobs, strict=True))} of {len(jobs)} added again\n"
            )
            check_what_is_kept(http, again, asker)
        house.stop()
        eventually(lambda: not move_to_files(house).waits_for, within_s=END_S)  # who was killed counts as there a while
        with closing(open_store(Config(data=house.data), SlowSpace())) as store:
            assert len(store.sources(limit=2 * PHOTOS)) == PHOTOS
