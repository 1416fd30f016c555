"""Whatever is sent to the running service: no fault, no silence, and memory as before.

A hundred requests in `make test`, a thousand in `make campaign`; BAD_SEED=... repeats them.
"""

import json
import logging
import os
import random
import socket
import sys

import pytest
from bad_requests import FAMILIES, Bad, bad_requests
from line_help import heard, serving_house, status_of

from deepseek_mm.benchmarks.servers import own_mb

NUMBER = 1_000 if os.environ.get("CAMPAIGN") else 100
GROWTH_MB = 40.0
LIMITS = {"max_body_bytes": 2_000_000, "patience_s": 0.5}
SAID_SO = (501, 502)  # a package is missing; a server that was named does not answer
WITHOUT_BODY = ("HEAD", "CONNECT")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow says so of a damaged TIFF file, and goes on
@pytest.mark.campaign(times=1, only=True)
def test_no_bad_request_breaks_the_service_or_makes_it_grow(tmp_path, caplog):
    seed = int(os.environ.get("BAD_SEED") or random.randrange(10**6))
    sys.stdout.write(f"BAD_SEED={seed}\n")
    with serving_house(tmp_path, **LIMITS) as house, caplog.at_level(logging.ERROR):
        sizes_mb = []
        for _ in range(2):  # the first round is warm-up
            for bad in bad_requests(NUMBER, seed=seed):
                check(bad, said(house, bad))
            assert house.answers()
            sizes_mb.append(own_mb(os.getpid()))
    assert sizes_mb[1] - sizes_mb[0] < GROWTH_MB
    faults = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert [fault for fault in faults if "running task" not in fault] == []  # said at the end of the house


def said(house, bad: Bad) -> bytes:
    """All that the service answers; nothing more is sent."""
    with house.line() as line:
        try:
            line.sendall(bad.data)
            if bad.family != "half sent":
                return heard(line)
            line.shutdown(socket.SHUT_WR)
            return heard(line)
        except (BrokenPipeError, ConnectionResetError):
            return b""


def check(bad: Bad, answer: bytes) -> None:
    """What may be said to it."""
    status, shown = status_of(answer), (bad.family, bad.data[:300], answer[:600])
    assert status < 500 or status in SAID_SO, shown
    assert status or bad.family in ("half sent", "noise", "huge", "bad headers", "bad chunks"), shown
    if status < 400 or bad.method in WITHOUT_BODY:
        return
    head, _, body = answer.partition(b"\r\n\r\n")
    told, _ = json.JSONDecoder().raw_decode(body.decode())  # what came behind the request may be answered too
    if b"application/problem+json" in head.lower():
        assert told["status"] == status, shown
        assert told["detail"].strip(), shown
    else:
        assert bad.path.startswith("/v1/"), shown
        assert told["error"]["message"].strip(), shown


def test_the_same_seed_gives_the_same_requests_of_every_family():
    first, again, other = (list(bad_requests(64, seed=seed)) for seed in (1, 1, 2))
    assert [each.data for each in first] == [each.data for each in again] != [each.data for each in other]
    assert len({each.family for each in first}) == len(set(FAMILIES))
