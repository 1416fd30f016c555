"""Files that belong together: who leads whom, whatever is added, moved or goes, and what is counted once."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from index_help import open_store, regions_for, rows
from storage_contract import only_files

from deepseek_mm.parse.formats import RAWS, named_format
from index import Filter, Source
from index.companions import TRIGGERS, place_in_group, tell_kinds
from index.region import RAW_FORMATS, FoundFile

NOON = datetime(2021, 7, 1, 12)
GROUPED = Filter(source_kinds=("photo",), grouped=True)


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path) as store:
        yield store


def put(store, name, *, ms=0, at=NOON, labels=(), collection="library"):
    """A file of the folder /p, of the type that its name says."""
    path = f"/p/{name}"
    kind = named_format(path)
    source = Source(
        path=path, format=kind.name, digest=name.ljust(64, "0"), duration_ms=ms, taken_at=at, collection=collection
    )
    return store.add(source, regions_for(source, 1, labels=labels), rows(1, seed=len(name)))


def led(store):
    """Name of each file -> the name of the one that stands for it."""
    sources = {each.id: each for each in store.sources(limit=99)}
    return {each.name: sources[each.leader].name for each in sources.values() if each.leader}


def shown(store, **how):
    where = Filter(source_kinds=("photo",), grouped=True, **how)
    return sorted(each.name for each in store.sources(where, order="newest", limit=99))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("IMG_1.HEIC", "IMG_1.MOV"),
        ("img_1.heic", "IMG_1.HEIC.MOV"),
        ("IMG_1.JPG", "IMG_1.mp4"),
        ("DSC_1.jpg", "DSC_1.NEF"),
        ("DSC_1.hif", "DSC_1.ARW"),
        ("PXL_20231207_032111247.RAW-01.COVER.jpg", "PXL_20231207_032111247.RAW-02.ORIGINAL.dng"),
        ("00015IMG_00015_BURST20171111030039_COVER.jpg", "00001IMG_00001_BURST20171111030039.jpg"),
        ("DSC_0052_BURST20230709220904977_COVER.JPG", "DSC_0001_BURST20230709220904977.JPG"),
        ("IMG_20231014_183246_BURST001_COVER.jpg", "IMG_20231014_183246_BURST002.jpg"),
        ("20231207_101605_001.jpg", "20231207_101605_031.jpg"),
        ("PXL_20201012_123456789.BURST-02.COVER.jpg", "PXL_20201012_123456789.BURST-01.jpg"),
    ],
)
@pytest.mark.parametrize("is_leader_first", [True, False])
def test_a_picture_leads_what_its_name_says_belongs_to_it_whichever_comes_first(store, first, second, is_leader_first):
    names = (first, second) if is_leader_first else (second, first)
    for name in names:
        put(store, name, ms=2_500 if name.lower().endswith(("mov", "mp4")) else 0)
    assert led(store) == {second: first}
    assert shown(store) == [first]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("IMG_1.HEIC", "IMG_2.MOV"),
        ("IMG_1.png", "IMG_1.jpg"),
        ("20231207_101605_001.jpg", "20231207_101606_001.jpg"),
        ("PXL_20231026_210642603.MP.jpg", "PXL_20231026_210642603.jpg"),
        ("a.mov", "a.mp4"),
    ],
)
def test_what_shares_no_name_or_is_of_other_types_stands_alone(store, first, second):
    put(store, first), put(store, second)
    assert led(store) == {}


def test_a_video_of_more_than_six_seconds_is_no_live_photo(store):
    put(store, "IMG_1.HEIC"), put(store, "IMG_1.MOV", ms=6_001)
    assert led(store) == {}


def test_files_of_one_name_taken_more_than_a_day_apart_do_not_belong_together_but_zones_may_differ(store):
    put(store, "IMG_1.JPG"), put(store, "IMG_1.MOV", ms=900, at=NOON + timedelta(days=400))
    put(store, "IMG_2.JPG"), put(store, "IMG_2.MOV", ms=900, at=NOON + timedelta(hours=9))
    put(store, "IMG_3.JPG"), put(store, "IMG_3.MOV", ms=900, at=None)
    assert led(store) == {"IMG_2.MOV": "IMG_2.JPG", "IMG_3.MOV": "IMG_3.JPG"}


def test_another_folder_and_an_archive_have_groups_of_their_own(store):
    for folder in ("/p/a", "/p/b.zip!/a"):
        for name, kind in (("IMG_1.HEIC", "heic"), ("IMG_1.MOV", "mov")):
            source = Source(path=f"{folder}/{name}", format=kind, digest=(folder + name).ljust(64, "0"))
            store.add(source, regions_for(source, 1), rows(1))
    pairs = [(each.path, each.leader) for each in store.sources(order="added", limit=9) if each.leader]
    assert [path for path, _ in pairs] == ["/p/b.zip!/a/IMG_1.MOV", "/p/a/IMG_1.MOV"]
    assert len({leader for _, leader in pairs}) == 2


def test_when_the_leader_goes_the_next_one_leads_and_when_it_comes_back_it_leads_again(store, tmp_path):
    for name in ("a.jpg", "a.nef", "a.mov"):
        put(store, name, ms=500 * name.endswith("mov"))
    assert led(store) == {"a.nef": "a.jpg", "a.mov": "a.jpg"}
    store.take_out(["/p/a.jpg"], tmp_path / "trash.db")
    assert led(store) == {"a.mov": "a.nef"}
    store.restore(tmp_path / "trash.db")
    assert led(store) == {"a.nef": "a.jpg", "a.mov": "a.jpg"}
    store.remove_places(["/p/a.nef", "/p/a.mov"])
    assert led(store) == {}


def test_a_companion_that_is_renamed_leaves_and_one_that_gets_the_name_joins(store):
    put(store, "a.jpg"), put(store, "a.nef"), put(store, "b.nef")
    files = [FoundFile(path=f"/p/{new}", digest=old.ljust(64, "0"), size_bytes=1, modified_ns=1)
             for old, new in (("a.nef", "b.nef"), ("b.nef", "a.nef"))]  # fmt: skip
    store.note_found(files, gone=(), stale={})
    (joined,) = [each for each in store.sources(limit=9) if each.leader]
    assert (joined.path, joined.digest) == ("/p/a.nef", "b.nef".ljust(64, "0"))
    gone = FoundFile(path="/p/c.nef", digest="b.nef".ljust(64, "0"), size_bytes=1, modified_ns=1)
    store.note_found([gone], gone=["/p/a.nef"], stale={})
    assert led(store) == {}


def test_a_group_is_counted_once_by_month_place_and_thing_and_in_all(store):
    put(store, "a.jpg", labels=["dog"]), put(store, "a.nef", labels=["dog"]), put(store, "a.mov", ms=9, labels=["cat"])
    put(store, "b.jpg", labels=["dog"])
    assert [tuple(month) for month in store.months(where=GROUPED)] == [(2021, 7, 2)]
    assert [(thing.name, thing.sources) for thing in store.things(9, where=GROUPED)] == [("dog", 2), ("cat", 1)]
    assert store.counts(where=GROUPED).sources == 2
    assert store.kinds(where=GROUPED) == {"photo": 2}
    assert store.counts(where=Filter()).sources == 4  # files are still four


def test_where_only_a_companion_fits_it_stands_for_the_group_once(store):
    put(store, "a.jpg"), put(store, "a.mov", ms=9, labels=["cat"]), put(store, "a.nef", labels=["cat"])
    assert shown(store, label="cat") == ["a.nef"]
    assert shown(store, formats=("mov",)) == ["a.mov"]
    store.collect(["/p/a.jpg"], "trip")
    assert (shown(store, collection="trip"), shown(store, path="a.m")) == (["a.jpg"], ["a.mov"])


def test_companions_are_told_of_each_with_the_leader_first(store):
    one, raw, clip = put(store, "a.jpg"), put(store, "a.nef"), put(store, "a.mov", ms=9)
    alone = put(store, "b.jpg")
    found = store.companions([one.id, clip.id, alone.id, 999])
    names = {each: [other.name for other in others] for each, others in found.items()}
    assert names == {one.id: ["a.nef", "a.mov"], clip.id: ["a.jpg", "a.nef"]}
    assert raw.id in {other.id for other in found[one.id]}


def test_a_group_is_told_to_be_live_raw_and_a_burst_of_its_shots(store):
    burst = [put(store, f"20231207_101605_00{n}.jpg") for n in (1, 2, 3)]
    assert tell_kinds(burst).shots == 3
    kinds = tell_kinds([put(store, "a.jpg"), put(store, "a.nef"), put(store, "a.mov", ms=9)])
    assert (kinds.is_live, kinds.has_raw, kinds.shots) == (True, True, 0)
    kinds = tell_kinds([put(store, "b.jpg"), put(store, "b.mov", ms=9)])
    assert (kinds.is_live, kinds.has_raw) == (True, False)


def test_the_index_knows_the_raw_formats_that_are_read():
    assert set(RAW_FORMATS) == set(RAWS)
    assert place_in_group("/p/x.pdf", "pdf", 0).key == ""


@only_files
def test_a_store_of_before_learns_at_once_what_belongs_together(tmp_path):
    with open_store(tmp_path) as store:
        for name in ("a.jpg", "a.nef", "b.jpg"):
            put(store, name)
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        for trigger in TRIGGERS:
            connection.execute(f"DROP TRIGGER {trigger.split()[2]}")
        for index in ("group", "leader", "sort_name", "date_us", "size_bytes"):
            connection.execute(f"DROP INDEX sources_by_{index}")
        for key in ("sort_name", "date_us", "size_bytes"):
            connection.execute(f"CREATE INDEX sources_by_{key} ON sources ({key}, id, collection, kind, format)")
        for column in ("group_key", "group_rank", "leader"):
            connection.execute(f"ALTER TABLE sources DROP COLUMN {column}")
        connection.execute("UPDATE alembic_version SET version_num = '0011'")
        connection.commit()
    with open_store(tmp_path) as store:
        assert led(store) == {"a.nef": "a.jpg"}
        put(store, "b.nef")
        assert led(store) == {"a.nef": "a.jpg", "b.nef": "b.jpg"}
