"""`bench search` without a server: its queries, the linear scan, the vectors it is made of, and its table."""

import sqlite3
from itertools import islice

import numpy as np
import pytest

from deepseek_mm.benchmarks import search as module
from deepseek_mm.benchmarks.search import make_lines, make_queries, scan, time_linear_scan, time_searches
from deepseek_mm.benchmarks.serve import TimedResponse
from deepseek_mm.benchmarks.synthetic_data import PhotoLikeVectors
from deepseek_mm.errors import JobFailed
from deepseek_mm.retrieval.certainty import photos_of_nobody


def test_no_two_queries_are_the_same_and_every_second_one_has_a_filter():
    bodies = list(islice(make_queries(), 200))
    assert len({body["text"] for body in bodies}) == 200
    assert ["where" in body for body in bodies[:4]] == [False, True, False, True]
    assert len({str(body.get("where")) for body in bodies}) == 4


def test_vectors_like_photos_have_length_one_and_lie_near_a_real_photo():
    photos = photos_of_nobody()
    made = next(PhotoLikeVectors(photos).pieces(50))
    assert np.linalg.norm(made, axis=1) == pytest.approx(1, abs=1e-5)
    nearest = (made @ (photos / np.linalg.norm(photos, axis=1, keepdims=True)).T).max(axis=1)
    assert 0.6 < nearest.mean() < 0.99
    assert len(np.unique(made, axis=0)) == 50


def test_the_linear_scan_reads_whole_photos_alone_and_puts_the_nearest_first(tmp_path):
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("CREATE TABLE regions (id INTEGER, kind TEXT)")
        connection.execute("CREATE TABLE vectors (region_id INTEGER, data BLOB)")
        for n, (kind, x) in enumerate((("whole", 0.1), ("part", 0.9), ("whole", 0.5))):
            connection.execute("INSERT INTO regions VALUES (?, ?)", (n, kind))
            connection.execute("INSERT INTO vectors VALUES (?, ?)", (n, np.array([x, 0], "<f4").tobytes()))
        connection.commit()
        assert scan(connection, np.array([1, 0], np.float32)) == [1, 0]
    connection.close()
    assert time_linear_scan(tmp_path / "store.db", PhotoLikeVectors(np.eye(2, dtype=np.float32))) > 0


def test_a_search_that_fails_stops_the_bench(monkeypatch):
    served = [TimedResponse(status=200, seconds=0.1), TimedResponse(status=500, seconds=0.1)]
    monkeypatch.setattr(module, "send_at_once", lambda *_: (served, 0.2))
    with pytest.raises(JobFailed, match="1 of 2 searches failed, with 500"):
        time_searches("http://x", [[{}]])
    monkeypatch.setattr(module, "send_at_once", lambda *_: (served[:1], 0.2))
    assert time_searches("http://x", [[{}]]) == ([0.1], 0.2)


def test_the_table_names_every_bar_and_leaves_the_page_out_without_a_browser():
    numbers = {"photos": 1e5, "regions": 3e5, "median_ms": 20.0, "p95_ms": 40.0, "linear_ms": 800.0, "server_mb": 900.0}
    numbers |= {"vs_linear_scan": 40.0, "qps8": 33.0, "processor_ms": 18.0, "empty_mb": 300.0}
    lines = make_lines(numbers)
    assert [(line.value, line.bar) for line in lines] == [
        *(("20 ms, 40 ms", "50 ms"), ("33.0", "20"), ("18 ms", ""), ("900 MB", "")),
    ]
    assert make_lines(numbers | {"painted_ms": 250.0, "photo_ms": 280.0})[-1].bar == "300 ms"
