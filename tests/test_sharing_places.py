"""Whether a cited region lies in the library here: by its bytes, never by a stranger's path."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sharing_help import Home, comparable, keep, photo, talk

from deepseek_mm.config import IndexConfig
from deepseek_mm.sharing import here_in
from deepseek_mm.types import Answer, Citation
from index import Region
from index.store import RegionStore


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def store(tmp_path):
    with RegionStore(tmp_path / "space", space_name="x", fingerprint="f", dim=2, config=IndexConfig()) as store:
        yield store


def stored(store: RegionStore, home: Home, name: str = "kite.png") -> Region:
    source = photo(home, name)
    parts = [
        Region(source=source, kind="whole", box_px=(0, 0, 2048, 1024)),
        Region(source=source, box_px=(200, 100, 1000, 500)),
    ]
    source = store.add(source, parts, np.eye(2, dtype=np.float32))
    return store.regions_of([source.id])[source.id][1]


def stranger(region: Region, **more) -> Region:
    return replace(region, id=0, source=replace(region.source, id=0, **more))


def test_a_region_of_known_bytes_gets_the_numbers_that_it_has_here(store, home):
    region = stored(store, home)
    assert here_in(store)(stranger(region)) == region


def test_bytes_that_lie_elsewhere_here_are_shown_from_there(store, home):
    region = stored(store, home)
    assert here_in(store)(stranger(region, path="/other/machine/a.png")) == region


def test_a_region_that_the_library_did_not_keep_has_no_number(store, home):
    region = stored(store, home)
    found = here_in(store)(replace(stranger(region), box_px=(1, 2, 3, 4)))
    assert (found.id, found.source.id, found.box_px) == (0, region.source.id, (1, 2, 3, 4))


def test_other_bytes_under_a_known_path_are_not_what_was_cited(store, home):
    region = stored(store, home)
    assert here_in(store)(stranger(region, digest="00" * 32)) is None
    assert here_in(store)(stranger(region, digest="")) is None


def test_a_photo_whose_file_is_gone_here_counts_as_not_there(store, home):
    region = stored(store, home)
    Path(region.source.path).unlink()
    assert here_in(store)(stranger(region)) is None


def test_with_a_real_library_the_export_of_an_import_is_equal(store, home):
    region = stored(store, home)
    citation = Citation(number=1, region=region, score=0.5)
    turn = replace(talk(home)[0], answer=Answer(text="A kite [1].", citations=(citation,)), boxes=())
    door = replace(home.door, here=here_in(store))
    data = home.export(keep(home, [turn]))
    conversation = door.take_in(data, session="s")
    assert comparable(home.export(conversation)) == comparable(data)
    assert home.turns(conversation)[0].answer.citations == (citation,)
    assert not (home.data / "uploads" / "imported").exists()
