"""A bundle holds what was put into it, byte for byte, tells nothing of this machine, and harms nobody who reads it."""

import json
import zipfile

import pytest
from replays import (
    crowded,
    exported,
    forged,
    house,
    opened,
    overlapping,
    parts_of,
    renamed,
    talk,
    with_conversation,
    zipped,
)

from deepseek_mm.errors import BadFile
from deepseek_mm.sharing import ExportLimits
from deepseek_mm.sharing.files import sha256
from deepseek_mm.sharing.replay_bundle import CONVERSATION, MANIFEST, BundleLimits, read_bundle, write_bundle


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundled")
    with house(folder) as assistant:
        return exported(assistant, talk(assistant, folder))


def test_a_bundle_that_is_read_and_written_again_is_the_same_byte_for_byte(data):
    assert write_bundle(opened(data), limits=BundleLimits()) == data


def test_a_cited_file_is_in_it_as_it_lies_in_the_library_and_a_question_s_picture_is_in_the_conversation(data):
    bundle = opened(data)
    (file,) = bundle.manifest.files
    assert (file.member, file.digest, file.collection) == ("files/0001/red.png", file.sha256, "library")
    assert sha256(bundle.files[file.member]) == file.digest
    turns = bundle.open_parcel(ExportLimits()).turns
    assert [bool(turn.picture) for turn in turns] == [False, False, True]


def test_the_manifest_names_models_index_versions_settings_and_what_is_drawn(data):
    told = opened(data).manifest
    assert [each.role for each in told.models] == ["vector space", "language model", "reader of text"]
    assert (told.index.num_sources, told.index.space) == (2, "colours")
    assert {"torch", "numpy", "pydantic"} <= set(told.packages)
    assert told.settings["rag"]["num_regions"] == 6
    assert (told.seeds, told.wording) == ({"lines of code": 0}, "the likeliest word each time")
    assert "cores" in told.machine


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda data: b"", "is no ZIP"),
        (lambda data: b"\x89PNG" + data, "is no ZIP"),
        (lambda data: data[:-1], "does not end as an export ends"),
        (lambda data: data[: len(data) // 2], "does not end as an export ends"),
        (lambda data: data + b"behind", "does not end as an export ends"),
        (lambda data: zipped({"notes.txt": b"x"}), "is no replayable bundle"),
        (lambda data: zipped(parts_of(data), method=zipfile.ZIP_DEFLATED), "what no export writes: 'manifest.json'"),
        (lambda data: zipped(parts_of(data) | {"../evil": b"x"}), "what no export writes: '../evil'"),
        (lambda data: zipped(parts_of(data) | {"files/0009/new.png": b"x"}), "'files/0009/new.png'"),
        (lambda data: zipped(parts_of(data), twice=MANIFEST), "a name twice"),
        (lambda data: zipped(parts_of(data) | {CONVERSATION: b"{}"}), "'conversation.json' of this bundle is damaged"),
        (lambda data: zipped(parts_of(data) | {"files/0001/red.png": b"x"}), "'files/0001/red.png' of this bundle is"),
        (lambda data: zipped(parts_of(data) | {MANIFEST: b"{"}), "no whole JSON"),
        (lambda data: zipped(parts_of(data) | {MANIFEST: b"[" * 10_000}), "no whole JSON"),
        (lambda data: zipped(parts_of(data) | {MANIFEST: b"[]"}), "is not as an export writes it"),
        (lambda data: forged(data, lambda told: told.update(version=2)), "a newer version of the program"),
        (lambda data: forged(data, lambda told: told.update(version=0)), "is not as an export writes it: version"),
        (lambda data: forged(data, lambda told: told.update(format="x")), "is not as an export writes it: format"),
        (lambda data: forged(data, lambda told: told.update(extra=1)), "is not as an export writes it: extra"),
        (lambda data: forged(data, lambda told: told["index"].update(num_sources=-1)), "index.num_sources"),
        (lambda data: forged(data, lambda told: told["files"].clear()), "'files/0001/red.png'"),
        (overlapping, "more than its own"),
        (lambda data: crowded(100_000), "lists more than 1,000 files"),
    ],
)  # fmt: skip
def test_what_no_export_writes_is_refused_with_a_sentence(data, harm, told):
    with pytest.raises(BadFile) as refused:
        opened(harm(data))
    assert told in str(refused.value)
    assert any(word in str(refused.value) for word in ("Export", "export", "Choose", "Update"))


@pytest.mark.parametrize(
    "name",
    ["/etc/passwd", "files/../../evil.png", "files/0001/../evil.png", "files/0001/..", "files/0001/.", "files/0001/",
     "files\\0001\\a.png", "files/0001/a\\b.png", "files/1/a.png", "files/0001/a\0b", "files/0001/" + 300 * "a", "C:a"],
)  # fmt: skip
def test_a_file_that_would_lie_elsewhere_is_refused_whatever_the_manifest_says(data, name):
    with pytest.raises(BadFile, match="what no export writes|no whole bundle|does not hold it"):
        opened(renamed(data, name))


def test_more_bytes_or_files_than_allowed_are_refused_before_anything_is_read(data):
    with pytest.raises(BadFile, match="at most 1,000 are read"):
        read_bundle(data, limits=BundleLimits(max_bytes=1_000))
    with pytest.raises(BadFile, match="holds 5 files, and at most 2"):
        read_bundle(
            zipped(parts_of(data) | {f"files/000{n}/a": b"" for n in (2, 3)}), limits=BundleLimits(most_files=2)
        )
    with pytest.raises(BadFile, match="a bundle holds at most 1,000"):
        write_bundle(opened(data), limits=BundleLimits(max_bytes=1_000))


def test_a_conversation_that_is_none_is_refused_when_it_is_opened(data):
    for conversation in (b"{}", json.dumps({"format": "deepseek-mm conversation", "version": 99}).encode()):
        bundle = opened(with_conversation(data, conversation))
        with pytest.raises(BadFile):
            bundle.open_parcel(ExportLimits())
