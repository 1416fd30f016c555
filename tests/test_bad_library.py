"""A folder of everything that should not be handed in: the rest go on, each reason is listed, nothing is lost.

The files and what is said of them stand in two tables, `bad_files` (refused) and `odd_files` (taken in). They go into
one library at once, beside good ones, some of which it knows already; then every row is looked at by itself.
"""

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from bad_files import LIMITS, LINKS, REFUSED, Bad, put
from fakes import picture
from library_help import House
from made_files import picture_bytes
from odd_files import ODD, Odd

from deepseek_mm.jobs import Job
from index import Filter, Region, Source

NEAR = ("red", "yellow")  # of the good pictures
GOOD = ("before.png", "before.txt", "zz-after.txt", "after.png")
NO_TEXT = os.fsdecode(b"caf\xe9.png")  # a name that is not UTF-8


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """The library when everything is over."""

    house: House
    folder: Path
    job: Job
    failed: dict[str, str]

    def source(self, name: str) -> Source:
        source = self.house.store.source_at(str(self.folder / name))
        assert source is not None, f"{name} is not there: {self.failed.get(str(self.folder / name))}"
        return source

    def regions(self, name: str) -> tuple[Region, ...]:
        source = self.source(name)
        return self.house.store.regions_of([source.id])[source.id]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad") / "photos"
    folder.mkdir()
    picture("red", size=(48, 64)).save(folder / "before.png")
    (folder / "before.txt").write_text("what was known before")
    house = House(folder.parent / "data", parse=LIMITS, read_text=False)
    assert house.done(house.library.add([folder])).result["added"] == 2
    picture("yellow", size=(48, 64)).save(folder / "after.png")
    (folder / "zz-after.txt").write_text("what comes after")
    for row in (*REFUSED, *ODD):
        put(row.make, folder / row.name)
    (folder / NO_TEXT).write_bytes(picture_bytes())
    for name, target in {**LINKS, "circle": str(folder)}.items():
        (folder / name).symlink_to(target)
    with warnings.catch_warnings(action="ignore"):  # Pillow warns of what it then refuses
        job = house.done(house.library.add([folder]))
    yield Shelf(house=house, folder=folder, job=job, failed=house.failed(job))
    house.close()


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
def test_a_bad_file_is_listed_with_what_is_wrong_its_name_and_what_to_do(shelf, bad: Bad):
    item = str(shelf.folder / bad.item)
    reason = shelf.failed[item]
    assert bad.what in reason
    assert str(shelf.folder / bad.name) in reason
    assert reason.rstrip(".").endswith(bad.step)
    assert shelf.house.store.source_at(item) is None


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: ascii(odd.name)[:30])
def test_an_odd_file_is_taken_in_as_what_it_is(shelf, odd: Odd):
    source, regions = shelf.source(odd.name), shelf.regions(odd.name)
    assert (source.format, source.note) == (odd.form, odd.note)
    assert odd.size in (None, (source.width_px, source.height_px))
    texts = " ".join(region.text for region in regions)
    assert odd.text in texts
    assert not odd.absent or odd.absent not in texts
    assert not odd.kinds or {region.kind for region in regions} - {"name", "note"} == set(odd.kinds)


def test_the_others_go_on_and_are_found_and_nothing_that_was_known_is_lost(shelf):
    assert shelf.job.state == "done"
    for name in GOOD:
        assert shelf.source(name).name == name
    for colour in NEAR:
        vector = shelf.house.space.embed_texts([colour])
        (hits,) = shelf.house.store.search_many(vector, k=1, where=Filter(kinds=("whole",)))
        assert hits[0].score > 0.9
        assert hits[0].region.colours == (colour,)
    assert shelf.house.store.problems() == []


def test_only_the_bad_ones_are_listed_and_every_file_is_counted_once(shelf):
    expected = {str(shelf.folder / bad.item) for bad in REFUSED} | {str(shelf.folder / NO_TEXT)}
    assert set(shelf.failed) == expected
    counts = shelf.job.result
    assert counts["unchanged"] == 2
    assert counts["vanished"] == []
    assert sum(counts[name] for name in ("added", "copies", "unchanged")) + len(expected) == shelf.job.total


def test_links_are_left_out_and_said_to_be_links(shelf):
    left_out = {Path(path).name: reason for path, reason in shelf.job.result["left_out"]}
    assert left_out == dict.fromkeys((*LINKS, "circle"), "link")


def test_the_list_of_bad_inputs_names_every_one_of_these_files():
    page = (Path(__file__).parent.parent / "docs" / "bad_inputs.md").read_text(encoding="utf-8")
    assert [bad.item for bad in REFUSED if f"| {bad.item} |" not in page] == []
    assert [odd.name for odd in ODD if ascii(odd.name)[1:-1][:24].replace("<", "&lt;") not in page] == []
