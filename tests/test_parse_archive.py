"""Archives written by strangers: what can be read is listed, and nothing they claim is taken on trust."""

import struct
import zipfile
import zlib

import numpy as np
import pytest
from library_help import House
from made_files import CONFIG, picture_bytes, read, refusal, written, zip_bytes

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse import archive
from deepseek_mm.parse.archive import is_foul, list_members, split
from deepseek_mm.parse.document import open_file


def everything(name: str) -> bool:
    return True


def members(path, config: ParseConfig = CONFIG) -> list[str]:
    return [name.removeprefix(f"{path}!/") for name in list_members(str(path), config, wanted=everything).members]


def reasons(path, config: ParseConfig = CONFIG) -> list[str]:
    return [reason for _, reason in list_members(str(path), config, wanted=everything).failed]


def packed(tmp_path, files, **options):
    return written(tmp_path / "a.zip", zip_bytes(files, **options))


def flagged(data: bytes, bits: int) -> bytes:
    """The same archive with bits set in the flags of every member, in both of its lists."""
    changed = bytearray(data)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = changed.find(mark)
        while start >= 0:
            changed[start + at] |= bits
            start = changed.find(mark, start + 4)
    return bytes(changed)


def test_members_are_listed_by_name_and_folders_are_not(tmp_path):
    path = packed(tmp_path, {"b.txt": b"b", "a/": b"", "a/c.txt": b"c", "a/a.txt": b"a"})
    assert members(path) == ["a/a.txt", "a/c.txt", "b.txt"]
    assert read(f"{path}!/a/c.txt")[1][0].text == "c"


def test_a_picture_in_an_archive_is_a_picture(tmp_path):
    path = packed(tmp_path, {"in/a.png": picture_bytes()}, compression=zipfile.ZIP_STORED)
    source, (piece,) = read(f"{path}!/in/a.png")
    assert (source.path, source.name, source.width_px) == (f"{path}!/in/a.png", "a.png", 60)
    assert piece.image.size == (60, 40)


@pytest.mark.parametrize(
    "name", ["../a.txt", "a/../../b.txt", "/etc/passwd", "C:\\a.txt", "..\\a.txt", "\\\\host\\a.txt", "a/..", "c:a.txt"]
)
def test_a_name_that_climbs_out_of_the_archive_is_listed_and_never_read(tmp_path, name):
    path = packed(tmp_path, {name: b"evil", "good.txt": b"good"})
    assert is_foul(name)
    assert members(path) == ["good.txt"]
    (reason,) = reasons(path)
    assert reason == (
        f"{path}!/{name} has a name that leads out of the archive. It was left alone; do not unpack this archive"
    )
    assert "leads out of the archive" in refusal_of_member(str(path), name)


def refusal_of_member(path: str, name: str) -> str:
    with pytest.raises(BadFile) as caught, archive.member(path, name, CONFIG):
        pass
    return str(caught.value)


def named_at_will(tmp_path, *names: str):
    """An archive whose entries have names that zipfile itself would not give, and one that is good."""
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as made:
        for number, name in enumerate(("good.txt", *names)):
            entry = zipfile.ZipInfo("x")
            entry.filename = name
            made.writestr(entry, b"words" + b" more" * number)
    return path


@pytest.mark.parametrize("name", ["", "/", ".", "./", "dir/", "//", "\0a.txt"])
def test_an_entry_that_no_file_can_be_called_fails_alone_and_the_others_are_read(tmp_path, name):
    path = named_at_will(tmp_path, name)
    assert members(path) == ["good.txt"]
    assert read(f"{path}!/good.txt")[1][0].text == "words"
    (failed,) = list_members(str(path), CONFIG, wanted=everything).failed
    assert "has no name that a file can have" in failed[1]
    assert "has no name that a file can have" in refusal_of_member(*split(failed[0]))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_library_takes_in_what_lies_beside_a_nameless_entry(tmp_path):
    path = named_at_will(tmp_path, "", "n" * 65_000 + ".txt", "a\0b.txt", "twice.txt", "twice.txt")
    house = House(tmp_path / "library")
    job = house.done(house.library.add([path]))
    stored = {source.name for source in house.store.sources(limit=99)}
    house.close()
    assert (job.state, job.num_failed) == ("done", 1)
    assert {"good.txt", "twice.txt", "twice (2).txt", "n" * 65_000 + ".txt"} <= stored


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_many_entries_of_one_name_are_numbered_without_counting_from_the_first(tmp_path):
    path = packed(tmp_path, [("same.txt", b"")] * 6_000)
    taken, last = archive.directory(str(path)), {"same.txt": 6_000}
    assert archive.free_name("same.txt", taken, last) == "same (6001).txt"
    assert last == {"same.txt": 6_001}
    assert len(taken) == 6_000


@pytest.mark.parametrize("name", ["a..b.txt", "...txt", "a/b..", "xy:z/..z.txt"])
def test_dots_that_lead_nowhere_are_only_dots(name):
    assert not is_foul(name)


def test_hidden_files_and_the_notes_of_a_mac_are_left_out(tmp_path):
    path = packed(tmp_path, {"a.txt": b"a", ".b.txt": b"b", "__MACOSX/._a.txt": b"c", ".git/d.txt": b"d"})
    assert members(path) == ["a.txt"]
    assert reasons(path) == []


def test_an_encrypted_member_is_reported_and_the_rest_is_read(tmp_path):
    path = written(tmp_path / "a.zip", flagged(zip_bytes({"a.txt": b"secret"}), bits=1))
    assert members(path) == []
    said = f"{path}!/a.txt is locked with a password. Unpack the archive and index what is in it"
    assert reasons(path) == [said]
    assert refusal(f"{path}!/a.txt") == said


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".7z", ".RAR"])
def test_an_archive_in_an_archive_is_reported_and_not_opened(tmp_path, ending):
    path = packed(tmp_path, {"a.txt": b"a", f"in{ending}": zip_bytes({"deep.txt": b"d"})})
    assert members(path) == ["a.txt"]
    assert reasons(path) == [f"{path}!/in{ending} is an archive inside an archive. Unpack the outer one first"]


def test_a_member_that_would_grow_a_thousand_times_is_a_bomb(tmp_path):
    path = packed(tmp_path, {"a.txt": b"0" * 20_000_000, "b.txt": b"words"})
    assert path.stat().st_size < 25_000
    assert members(path) == ["b.txt"]
    (reason,) = reasons(path)
    assert f"{path}!/a.txt would grow 1,0" in reason
    assert reason.endswith(
        "times to 20,000,000 bytes, as only a bomb does. Unpack the archive yourself if you trust it"
    )
    assert refusal(f"{path}!/a.txt") == reason


def test_an_empty_page_may_shrink_as_it_likes(tmp_path):
    path = packed(tmp_path, {"a.bmp": picture_bytes("bmp", None), "b.txt": b" a" * 400_000})
    assert members(path) == ["a.bmp", "b.txt"]


def claiming(data: bytes, size: int, checksum: int | None = None) -> bytes:
    """The same archive of one member, whose lists tell of another size."""
    changed = bytearray(data)
    for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", changed, changed.find(mark) + at, size)
        if checksum is not None:
            struct.pack_into("<I", changed, changed.find(mark) + at - 8, checksum)
    return bytes(changed)


def test_a_member_that_lies_about_its_size_is_cut_at_its_lie_and_refused(tmp_path):
    """The list says 1,000 bytes, unpacked it would be 50 million. Even with a checksum that fits, 1,000 come out."""
    data = zip_bytes({"a.txt": b"0" * 50_000_000})
    path = written(tmp_path / "a.zip", claiming(data, 1_000))
    assert members(path) == ["a.txt"]
    assert refusal(f"{path}!/a.txt") == (
        f"{path}!/a.txt is damaged: Bad CRC-32 for file 'a.txt'. Make the archive again, or copy it again"
    )
    path = written(tmp_path / "b.zip", claiming(data, 1_000, zlib.crc32(b"0" * 1_000)))
    assert open_file(f"{path}!/a.txt", CONFIG).size_bytes == 1_000


def test_all_members_together_must_stay_within_the_limit(tmp_path):
    path = packed(tmp_path, {f"{n}.txt": bytes(1_000) for n in range(10)})
    assert len(members(path, ParseConfig(max_unpacked_bytes=10_000))) == 10
    with pytest.raises(BadFile) as caught:
        members(path, ParseConfig(max_unpacked_bytes=9_999))
    assert str(caught.value) == (
        f"{path} would unpack to 10,000 bytes, and parse.max_unpacked_bytes allows 9,999. "
        "Unpack it yourself, or raise parse.max_unpacked_bytes"
    )


def test_one_member_must_stay_within_the_limit_of_a_file(tmp_path):
    path = packed(tmp_path, {"a.txt": b"x" * 1_001, "b.txt": b"x" * 1_000})
    config = ParseConfig(max_bytes=1_000)
    assert members(path, config) == ["b.txt"]
    said = f"{path}!/a.txt has 1,001 bytes, and parse.max_bytes allows 1,000. Raise parse.max_bytes"
    assert reasons(path, config) == [said]


def test_of_too_many_members_the_first_are_taken_and_that_is_said(tmp_path):
    path = packed(tmp_path, {f"{n}.txt": b"x" for n in range(5)})
    config = ParseConfig(max_members=3)
    assert members(path, config) == ["0.txt", "1.txt", "2.txt"]
    assert reasons(path, config) == [
        f"{path} holds 5 files, and parse.max_members allows 3: the first ones are taken. "
        "Raise parse.max_members, or unpack it"
    ]


@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile says so when the test writes it
def test_two_members_of_one_name_are_both_read_under_names_of_their_own(tmp_path):
    path = packed(tmp_path, [("a/x.txt", b"first"), ("a/x.txt", b"second"), ("a//x.txt", b"third")])
    assert members(path) == ["a/x (2).txt", "a/x (3).txt", "a/x.txt"]
    assert [read(f"{path}!/{name}")[1][0].text for name in members(path)] == ["second", "third", "first"]


def test_names_without_a_flag_are_read_as_utf8_where_they_are_and_else_as_the_old_code_page(tmp_path):
    raw = zip_bytes({"1234.txt": b"a"})
    for letters, name in (
        ("\u00e4\u00f6".encode(), "\u00e4\u00f6.txt"),
        (b"\x84\x94\x81\x8e", "\u00e4\u00f6\u00fc\u00c4.txt"),
    ):
        path = written(tmp_path / f"{name}.zip", raw.replace(b"1234", letters))
        assert members(path) == [name]
        assert read(f"{path}!/{name}")[1][0].text == "a"


@pytest.mark.parametrize("name", ["\u732b/\u0438.txt", "two\nlines.txt", "n" * 300 + ".txt"])
def test_a_member_may_have_any_name(tmp_path, name):
    path = packed(tmp_path, {name: b"words"})
    assert members(path) == [name]
    assert read(f"{path}!/{name}")[0].name == name.rpartition("/")[2]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_rare_way_of_packing_is_reported_since_nothing_bounds_it(tmp_path, method):
    path = packed(tmp_path, {"a.txt": b"words"}, compression=method)
    assert reasons(path) == [f"{path}!/a.txt is packed by method {method}, which is not read. Unpack the archive first"]


def test_an_archive_that_was_cut_or_is_none_is_refused(tmp_path):
    whole = zip_bytes({"a.txt": b"a" * 5_000})
    for data in (whole[:-30], whole[:10], b"words", b""):
        with pytest.raises(BadFile, match=r"is no zip archive, or it is damaged: .*\. Copy it again"):
            members(written(tmp_path / "a.zip", data))


def test_damage_inside_a_member_costs_only_that_member(tmp_path):
    data = bytearray(zip_bytes({"a.txt": b"hello world" * 9, "b.txt": b"words"}, compression=zipfile.ZIP_STORED))
    data[data.find(b"hello")] ^= 1
    path = written(tmp_path / "a.zip", bytes(data))
    assert members(path) == ["a.txt", "b.txt"]
    assert "is damaged: Bad CRC-32" in refusal(f"{path}!/a.txt")
    assert read(f"{path}!/b.txt")[1][0].text == "words"


def test_a_list_that_points_elsewhere_than_its_files_is_noticed(tmp_path):
    data = bytearray(zip_bytes({"a.txt": b"words"}))
    struct.pack_into("<I", data, data.find(b"PK\x01\x02") + 42, 7)
    assert "is damaged: a file is not where the archive's list says" in refusal(
        f"{written(tmp_path / 'a.zip', bytes(data))}!/a.txt"
    )


def test_random_damage_of_an_archive_is_refused_or_survived(tmp_path):
    random, whole = np.random.default_rng(0), zip_bytes({f"{n}.txt": b"some words " * n for n in range(1, 5)})
    outcomes = set()
    for n in range(150):
        bad = bytearray(whole)
        for at in random.integers(0, len(bad), size=3):
            bad[at] = random.integers(256)
        path = written(tmp_path / f"{n}.zip", bytes(bad))
        try:
            for name in members(path):
                outcomes.add(len(read(f"{path}!/{name}")[1]) > 0)
        except BadFile:
            outcomes.add("refused")
    assert outcomes == {True, "refused"}


def test_a_changed_archive_is_looked_at_again(tmp_path):
    path = packed(tmp_path, {"a.txt": b"a"})
    assert members(path) == ["a.txt"]
    packed(tmp_path, {"longer name.txt": b"a"})
    assert members(path) == ["longer name.txt"]


def test_a_path_is_split_at_the_archive_that_is_there(tmp_path):
    (tmp_path / "odd!").mkdir()
    path = written(tmp_path / "odd!" / "a.zip", zip_bytes({"b!/c.txt": b"x"}))
    assert split(f"{path}!/b!/c.txt") == (str(path), "b!/c.txt")
    assert split(f"{tmp_path}/odd!/b.zip!/c.txt") is None
    assert split(str(path)) is None


def test_nothing_is_ever_written_to_disk(tmp_path):
    path = packed(tmp_path, {"in/a.txt": b"words", "../b.txt": b"evil"})
    read(f"{path}!/in/a.txt")
    assert [file.name for file in tmp_path.rglob("*")] == ["a.zip"]
