"""Files that mean harm are refused with a reason or read, at little cost, and others are answered meanwhile.

A tenth of them in `make test`; all in `make campaign`, which also sends them to a live service while somebody asks.
Figures go to standard output, and to HOSTILE_OUT/hostile.json where that folder is named.
"""

import json
import os
import shutil
import statistics
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from hostile_corpus import HOSTILE_FILES, Reading, make_hostile, take_apart
from made_files import written, zip_bytes
from test_api_kills import service

from deepseek_mm.config import ParseConfig
from deepseek_mm.parse.workers.pool import shared_pool

CONFIG = ParseConfig()
MOST_SECONDS, MOST_MB = 10.0, 500
EVERY = int(os.environ.get("HOSTILE_EVERY", "1"))  # of them that the live service takes in; 4 is a quick look
LARGE_MB = 150  # what a worker keeps of one file would count for the next one
SAMPLE = (
    "nested-20.zip", "traversals.zip", "look-alikes.zip", "link-member.zip", "surrogate-name.zip",
    "climbs.tar", "claims.7z", "claims.png", "claims.gif", "claims.bmp", "claims.tif", "claims.jpg",
    "claims.webp", "claims.heic", "claims.dng", "many-scans.jpg", "exif-loop.jpg", "exif-chain.jpg", "xmp-bomb.jpg",
    "padding.jpg", "loop.tif", "pages-loop.pdf", "xref-loop.pdf", "objstm-loop.pdf", "launch.pdf", "outside.docx",
    "entities-outside.docx", "spans.docx", "names.eml", "charset-puny.eml", "script.svg", "called-idna.html",
    "spans.html", "gif-script.js", "pdf-zip.pdf", "jpeg-page.html", "deep-100000.json", 
    "utf7.txt", "generated.py", "links", "pipes", "names", "rules-nested", "rules-starred",
)  # fmt: skip
"""Those of every test run: cheap ones of each sort."""


def hold(name: str, folder: Path) -> Reading:
    """Read it; what must be true of every one of them."""
    reading = take_apart(make_hostile(name, folder), CONFIG)
    assert reading.read or reading.refused
    assert all(len(reason.split()) > 3 for reason in reading.refused)
    assert reading.step_seconds <= MOST_SECONDS
    assert reading.worker_mb <= MOST_MB
    assert reading.own_mb <= MOST_MB
    if reading.worker_mb > LARGE_MB:
        shared_pool().close()
    return reading


@pytest.mark.parametrize("name", [name for name in SAMPLE if name in HOSTILE_FILES])
def test_a_file_that_means_harm_is_refused_with_a_reason_or_read_at_little_cost(name, tmp_path):
    hold(name, tmp_path)


def test_there_are_three_hundred_of_them_and_a_tenth_in_every_run():
    assert len(HOSTILE_FILES) >= 300
    assert len(HOSTILE_FILES) / 10 <= len(set(SAMPLE)) <= 60
    assert set(SAMPLE) <= set(HOSTILE_FILES)


def test_an_archive_that_grows_as_a_whole_is_refused_though_each_of_its_files_is_small(tmp_path):
    zeros = zip_bytes({f"{n}.txt": bytes(900_000) for n in range(120)})
    reading = take_apart(written(tmp_path / "a.zip", zeros), CONFIG)
    assert (reading.read, len(reading.refused)) == (0, 1)
    assert "as only a bomb does" in reading.refused[0]


@pytest.fixture(scope="module")
def figures():
    """What was measured, told at the end."""
    rows: dict[str, object] = {}
    yield rows
    sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    if folder := os.environ.get("HOSTILE_OUT"):
        (Path(folder) / "hostile.json").write_text(json.dumps(rows, indent=1))


@pytest.mark.campaign(times=1, only=True)
def test_all_of_them_stay_within_ten_seconds_a_step_and_half_a_gigabyte(figures, tmp_path):
    readings, broken = [], {}
    for name in HOSTILE_FILES:
        try:
            readings.append(hold(name, tmp_path))
        except Exception as error:  # noqa: BLE001  all of them are told, not the first
            broken[name] = f"{type(error).__name__}: {error}"[:300]
        remove(tmp_path / name)
    figures["files"] = len(HOSTILE_FILES)
    figures["read"] = sum(bool(each.read) for each in readings)
    figures["worker_mb"] = max(each.worker_mb for each in readings)
    figures["own_mb"] = max(each.own_mb for each in readings)
    figures["longest_step_s"] = max(each.step_seconds for each in readings)
    figures["costly"] = [asdict(each) | {"refused": []} for each in sorted(readings, key=cost)[-10:]]
    figures["broken"] = broken
    assert broken == {}


def cost(reading: Reading) -> float:
    return reading.step_seconds / MOST_SECONDS + reading.worker_mb / MOST_MB


def remove(path: Path) -> None:
    """Folders among them are deeper than a path may be long; what cannot be removed stays until pytest's end."""
    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


def ask_again_and_again(http, until, gap_s: float = 0.05) -> list[float]:
    """How long each question waited for its answer."""
    waited = []
    while not until():
        began_s = time.monotonic()
        answered = http.post("/ask", json={"question": "Is there a red thing?"})
        waited.append(time.monotonic() - began_s)
        assert answered.status_code == 200, answered.text
        time.sleep(gap_s)
    return waited


def percentile_95(waited: list[float]) -> float:
    return statistics.quantiles(waited, n=20)[-1]


QUIET_S = 20.0  # for which questions are asked before
LEAST_S = 0.05  # a shorter answer may take twice as long by chance


@pytest.mark.campaign(times=1, only=True)
def test_a_service_that_takes_them_in_goes_on_answering_others(figures, tmp_path):
    """A job indexes all of them; nothing else that the service does is switched off."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in list(HOSTILE_FILES)[::EVERY]:
        make_hostile(name, folder)
    with service(tmp_path / "library") as house:
        began_s = time.monotonic()
        quiet = ask_again_and_again(house.http, lambda: time.monotonic() - began_s > QUIET_S)
        job = house.http.post("/library/paths", json={"paths": [str(folder)]}).json()["id"]
        over = threading.Event()
        watcher = threading.Thread(target=wait_for_end, args=(house, job, over), daemon=True)
        watcher.start()
        busy = ask_again_and_again(house.http, over.is_set)
        ended = house.http.get(f"/library/jobs/{job}").json()
    figures["asks"], figures["quiet_p95_s"] = len(busy), round(percentile_95(quiet), 4)
    figures["busy_p95_s"] = round(percentile_95(busy), 4)
    figures["job"] = {name: ended[name] for name in ("state", "done", "num_failed")}
    assert ended["state"] == "done"
    assert percentile_95(busy) <= 2 * max(percentile_95(quiet), LEAST_S)


def wait_for_end(house, job: int, over: threading.Event) -> None:
    """Set `over` once the job has ended, or after an hour."""
    until_s = time.monotonic() + 3_600
    while time.monotonic() < until_s:
        if house.http.get(f"/library/jobs/{job}").json()["state"] not in ("waiting", "running"):
            break
        time.sleep(0.5)
    over.set()
