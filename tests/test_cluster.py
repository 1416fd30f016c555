"""Servers, workers, nginx and PostgreSQL, each a process that is killed at random moments: what was acknowledged stays.

CLUSTER_SEED=... repeats the moments. Left out where PostgreSQL or nginx is not installed.
"""

import os
import random
import sys
import threading
import time
from collections import Counter

import httpx
import pytest
from cluster_help import paint_many
from cluster_house import Cluster, Part, cluster
from jobs_help import eventually

from deepseek_mm.benchmarks.cluster.nginx import NGINX
from deepseek_mm.benchmarks.servers import has_postgres

pytestmark = pytest.mark.skipif(
    not (has_postgres() and NGINX), reason="postgresql-17 with pgvector and nginx are not installed"
)
PHOTOS, KILLS = 300, int(os.environ.get("CLUSTER_KILLS", "5"))
SECONDS = 0.05  # that a photo takes a worker
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


def choose_victims(house: Cluster, chance: random.Random) -> list[Part]:
    """So many as are to be killed, in the order of their ends: of each kind one, if there are enough, and others."""
    first = [house.database, chance.choice(house.servers), chance.choice(house.workers)]
    others = [chance.choice([*house.servers, *house.workers, house.database]) for _ in range(KILLS)]
    chosen = (first + others)[:KILLS]
    chance.shuffle(chosen)
    return chosen


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


def test_photos_and_answers_that_were_acknowledged_outlive_kills_of_every_part(tmp_path):
    seed = int(os.environ.get("CLUSTER_SEED") or random.randrange(10**6))
    chance, killed = random.Random(seed), []
    folder = paint_many(tmp_path / "photos", PHOTOS)
    with cluster(tmp_path, seconds=SECONDS) as house, house.client() as http:
        job = patiently(lambda: http.post("/library/paths", json={"paths": [str(folder)]}))["id"]
        with Asker(house) as asker:
            for victim in choose_victims(house, chance):
                time.sleep(chance.uniform(1.0, 4.0))
                victim.kill()
                victim.start()
                killed.append(victim.name)
            ended = lambda: patiently(lambda: http.get(f"/library/jobs/{job}"))["state"] in ("done", "failed")  # noqa: E731
            eventually(ended, within_s=END_S)
        sys.stdout.write(f"CLUSTER_SEED={seed} {killed} {dict(asker.told)}\n")
        done = read(http, f"/library/jobs/{job}")
        assert (done["state"], done["num_failed"]) == ("done", 0), done
        names = [source["name"] for source in read_pages(http, "/library/sources")]
        assert sorted(names) == sorted(path.name for path in folder.iterdir())
        jobs = read_pages(http, "/library/jobs")
        assert [each["title"] for each in jobs if each["state"] in ("waiting", "running")] == []
        asked = list_asked(http)
        assert [text for text in asker.answered if asked.count(text) != 1] == []
        assert len(asker.answered) > KILLS
