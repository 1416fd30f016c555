"""The soak: sums worked by hand, memory of a family of processes, and every kind of request against a small house.

In `make campaign` the real service for SOAK_MINUTES (120): after the first ten, memory stays within 3 %, and open files
and threads as they are; the plot goes to SOAK_OUT.
"""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from line_help import serving_house

from deepseek_mm.benchmarks.results import BenchSetting
from deepseek_mm.benchmarks.servers import count_entries, is_below, own_mb, resident_mb
from deepseek_mm.benchmarks.soak import (
    MOST_FILES,
    MOST_SHARE,
    MOST_THREADS,
    SHARES,
    MemorySample,
    RandomClient,
    StatusCounts,
    drop_warm_up,
    fit_line,
    is_expected,
    lowest_by_period,
    measure_soak,
    report_growth,
    sample_memory,
    save_samples,
)

FILL = "held = b'x' * 60_000_000; print(len(held), flush=True); input()"


def samples_of(*sizes_mb, every_s=60.0):
    return [
        MemorySample(seconds=n * every_s, resident_mb=size_mb, requests=10 * n) for n, size_mb in enumerate(sizes_mb)
    ]


def test_growth_is_that_of_a_straight_line_behind_the_warm_up():
    samples = samples_of(100, 500, 1_000, 1_000, 1_002, 1_004, 1_006, 1_008, 1_010)
    assert [one.resident_mb for one in drop_warm_up(samples)] == [1_000, 1_002, 1_004, 1_006, 1_008, 1_010]
    assert fit_line(drop_warm_up(samples)) == pytest.approx((2.0, 1_000.0))
    numbers = report_growth(samples, StatusCounts()).numbers
    assert numbers["soak_grew_mb"] == pytest.approx(10.0)
    assert numbers["soak_grew_share"] == pytest.approx(0.01)
    assert numbers["soak_peak_mb"] == 1_010


def test_pools_that_fill_and_are_given_back_are_no_growth_and_what_stays_is():
    fills = (0, 200, 300, 400, 500)  # MB of freed memory in each minute of the five between two tidyings
    flat = samples_of(*(1_000 + fill for _ in range(9) for fill in fills))
    leaks = samples_of(*(1_000 + fill + 20 * period for period in range(9) for fill in fills))
    assert report_growth(flat, StatusCounts()).numbers["soak_grew_mb"] == pytest.approx(0)
    assert report_growth(leaks, StatusCounts()).numbers["soak_grew_mb"] == pytest.approx(
        120
    )  # 20 MB each of the six periods in between
    assert len(lowest_by_period(drop_warm_up(flat)[:4])) == 4


def test_pools_that_fill_after_the_last_whole_period_are_no_growth():
    fills = [1_000 + fill for _ in range(9) for fill in (0, 200, 300, 400, 500)]
    ends = samples_of(*fills, 1_600, 1_700)
    assert report_growth(ends, StatusCounts()).numbers["soak_grew_mb"] == pytest.approx(0)


def test_what_refusals_say_is_counted_and_what_went_well_is_not():
    counts, asked = StatusCounts(), httpx.Request("POST", "http://house/ask")
    for status, text in ((422, "no picture"), (422, "no picture"), (404, "gone"), (200, "yes"), (503, "later")):
        counts.hear(httpx.Response(status, text=text, request=asked))
    assert counts.words == {("/ask", 422, "no picture"): 2, ("/ask", 503, "later"): 1}


def test_of_a_long_run_ten_minutes_are_warm_up_and_of_a_short_one_a_third():
    long = samples_of(*range(121))
    assert drop_warm_up(long)[0].seconds == 600
    assert drop_warm_up(long[:9])[0].seconds == 180


def test_files_and_threads_that_come_and_go_are_no_growth_and_those_that_stay_are():
    numbers = [(60 + n % 5, 70 + n // 30) for n in range(120)]
    samples = [
        replace(one, files=files, threads=threads)
        for one, (files, threads) in zip(samples_of(*[1_000] * 120), numbers, strict=True)
    ]
    told = report_growth(samples, StatusCounts())
    assert (told.numbers["soak_grew_files"], told.numbers["soak_grew_threads"]) == (0, 3)
    assert [line.value for line in told.lines if line.what.startswith("threads")] == ["3 to 73"]


def test_open_files_and_threads_are_those_of_a_process_and_of_all_that_it_started():
    opens = "import sys, threading; f = [open('/dev/null') for _ in range(20)]; e = threading.Event(); "
    opens += "[threading.Thread(target=e.wait).start() for _ in range(5)]; print(1, flush=True); input(); e.set()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {opens!r}])"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert count_entries(process.pid, "fd") >= 20 + 3 + 3
        assert count_entries(process.pid, "task") == 1 + 1 + 5
        process.communicate(b"\n")
    assert count_entries(process.pid, "task") == 0


def test_what_nobody_expects_is_counted_and_named():
    tally = StatusCounts()
    for kind, status in (("ask", 200), ("ask", 500), ("search", 429), ("history", 404), ("search", 404), ("ask", -200)):
        tally.note(kind, status)
    result = report_growth(samples_of(1, 1, 1, 1), tally)
    assert (result.numbers["soak_strange"], result.numbers["soak_requests"]) == (3, 6)
    assert "('ask', 500): 1" in result.lines[-1].value
    assert not is_expected("embed", 404)


def test_memory_is_that_of_a_process_and_of_all_that_it_started():
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {FILL!r}])"
    with subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert resident_mb(process.pid) > own_mb(process.pid) + 55
        process.communicate(b"\n")
    assert resident_mb(process.pid) == 0


def test_a_family_is_found_over_generations_and_strangers_are_not():
    parents = {2: 1, 3: 2, 4: 3, 5: 1}
    assert [child for child in parents if is_below(child, 2, parents)] == [2, 3, 4]


def test_samples_answers_and_a_plot_are_kept(tmp_path):
    tally = StatusCounts()
    tally.note("ask", 200)
    save_samples(samples_of(1, 2, 3, 3, 3, 3), tally, tmp_path / "out")
    saved = json.loads((tmp_path / "out" / "soak.json").read_text())
    assert saved["samples"][1] == {"seconds": 60.0, "resident_mb": 2, "requests": 10, "files": 0, "threads": 0}
    assert saved["answers"] == {"ask 200": 1}
    assert (tmp_path / "out" / "soak.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.campaign(times=1, only=True)
def test_every_kind_of_request_is_answered_as_it_should_be(tmp_path):
    tally = StatusCounts()
    with serving_house(tmp_path) as house:
        client = RandomClient(house.url, seed=0, tally=tally)
        with client.http:
            for kind in (*SHARES, *SHARES):
                client.step(kind)
    assert tally.total == 2 * len(SHARES)
    assert {kind for kind, _ in tally.answers} == set(SHARES)
    assert tally.strange == {}


def test_clients_work_at_the_same_time_until_they_are_told_to_stop(tmp_path):
    tally = StatusCounts()
    with serving_house(tmp_path) as house:
        samples = sample_memory(house.url, os.getpid(), 1.0, tally)
    assert samples[0].resident_mb > 50
    assert min(samples[0].files, samples[0].threads) > 3
    assert tally.total > 0
    assert tally.strange == {}


@pytest.mark.campaign(times=1, only=True)
def test_two_hours_under_load_leave_memory_files_and_threads_as_they_are(tmp_path):
    out = Path(os.environ.get("SOAK_OUT") or tmp_path / "out")
    minutes = float(os.environ.get("SOAK_MINUTES", "120"))
    result = measure_soak(BenchSetting(folder=tmp_path, note=sys.stdout.write, minutes=minutes, out=out))
    assert result.numbers["soak_strange"] == 0
    assert result.numbers["soak_grew_share"] <= MOST_SHARE  # after warm-up, as the others
    assert result.numbers["soak_grew_files"] <= MOST_FILES
    assert result.numbers["soak_grew_threads"] <= MOST_THREADS
