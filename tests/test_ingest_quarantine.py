"""What a limit struck is set aside with its reason: no later pass tries it, until it changes or somebody asks."""

import os
import threading
from dataclasses import replace

import pytest
from bombs import pdf_bomb
from fakes import picture
from library_help import House, Sign, paint
from made_files import pdf_bytes, written

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.workers.pool import WorkerProcess

TIGHT = ParseConfig(worker_memory_mb=100)
BOMB = pdf_bomb(1_500_000)


@pytest.fixture
def tried(monkeypatch):
    """Names of the files that workers were asked about, in order."""
    names: list[str] = []
    ask = WorkerProcess.ask

    def noted(self, request, **more):
        names.append(os.path.basename(request.get("path", "")))
        return ask(self, request, **more)

    monkeypatch.setattr(WorkerProcess, "ask", noted)
    return names


@pytest.fixture
def house(tmp_path):
    house = House(tmp_path / "library", parse=TIGHT)
    yield house
    house.close()


def test_a_bomb_is_tried_once_and_never_again_until_it_changes(house, tmp_path, tried):
    folder = tmp_path / "dropped"
    folder.mkdir()
    bomb = written(folder / "bomb.pdf", BOMB)
    first = house.done(house.library.add([folder]))
    (reason,) = house.failed(first).values()
    assert "parse.worker_memory_mb" in reason
    assert tried == ["bomb.pdf", ""]  # what it is, and its first page
    tried.clear()
    picture("red").save(folder / "red.png")
    second = house.done(house.library.add([folder]))
    assert house.failed(second) == {str(bomb): reason}
    assert house.names() == ["red.png"]
    assert "bomb.pdf" not in tried
    assert [(each.item, each.reason) for each in house.library.health().failed] == [(str(bomb), reason)]
    bomb.write_bytes(pdf_bytes([(50, 400, "words")]))
    third = house.done(house.library.add([folder]))
    assert (house.failed(third), house.names()) == ({}, ["bomb.pdf", "red.png"])
    assert house.library.health().failed == ()


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize("how", ["anew", "retry", "limits"])
def test_a_bomb_is_tried_again_by_hand_and_with_other_limits(house, tmp_path, tried, how):
    bomb = written(tmp_path / "bomb.pdf", BOMB)
    job = house.done(house.library.add([bomb]))
    tried.clear()
    if how == "anew":
        house.done(house.library.add([bomb], anew=True))
    elif how == "retry":
        house.done(house.library.jobs.retry(job.id))
    else:
        house.close()
        other = House(tmp_path / "library", parse=replace(TIGHT, worker_memory_mb=101))
        other.done(other.library.add([bomb]))
        other.close()
    assert "bomb.pdf" in tried


def test_what_is_read_by_hand_at_last_is_set_aside_no_more(house, tmp_path, tried):
    path = written(tmp_path / "sound.pdf", pdf_bytes([(50, 400, "words")]))
    house.library.quarantine.note(str(path), "it was too much")
    job = house.done(house.library.add([path]))
    assert (list(house.failed(job).values()), tried) == (["it was too much"], [])
    house.done(house.library.add([path], anew=True))
    assert (house.names(), house.library.quarantine.reasons()) == (["sound.pdf"], {})


def test_the_pass_that_reads_and_pictures_of_pages_run_into_a_bomb_once(tmp_path, tried):
    """A page of scans, exchanged for a bomb before its text was read; then somebody adds a photo."""
    data = tmp_path / "library"
    path = written(tmp_path / "scan.pdf", pdf_bytes([]))
    house = House(data, parse=TIGHT, read_text=False)
    house.done(house.library.add([path]))
    (source,) = house.store.sources(limit=9)
    house.close()
    path.write_bytes(BOMB)
    house = House(data, parse=TIGHT, reader=Sign())
    house.done(house.library.add([paint(tmp_path / "photos")]))
    assert tried.count("scan.pdf") == 2  # once when it was indexed, in vain by the pass
    tried.clear()
    picture("white", size=(64, 40)).save(tmp_path / "white.png")
    job = house.done(house.library.add([tmp_path / "white.png"]))
    assert (job.state, house.library.jobs.find(states=("waiting", "running"), limit=9)) == ("done", [])
    with pytest.raises(BadFile, match=r"parse\.worker_memory_mb"):
        house.library.quarantine.read_page(source.path, 1)
    assert "scan.pdf" not in tried
    house.close()


def test_a_cancelled_job_lets_go_of_its_file_at_once_and_marks_nothing(tmp_path):
    house = House(tmp_path / "library")
    job = house.library.add([written(tmp_path / "bomb.pdf", BOMB)])
    threading.Timer(1.0, house.library.jobs.cancel, [job.id]).start()
    job = house.done(job)
    assert (job.state, house.failed(job), house.library.quarantine.reasons()) == ("cancelled", {}, {})
    house.close()
