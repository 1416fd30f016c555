"""A conversation as a file that can be answered again: a ZIP of it, of what answered it, and of the files it cites.

    manifest.json        what follows, and what answered: models, index, settings, seeds, versions, machine
    conversation.json    the parcel, as an export as JSON writes it
    files/0001/kite.jpg  each file of the library that an answer cites, as far as the limits allow; the number stands
                         for its folder, since a text beside a photo may describe it

Nothing in it is compressed, so it unpacks to no more than it is. A bundle comes from a stranger: names, sizes and sums
are checked before anything is used, nothing is unpacked here, and no path of it is ever opened.
"""

import io
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, ValidationError
from pydantic_core import from_json

from deepseek_mm.errors import BadFile
from deepseek_mm.parse.archive import ENCRYPTED
from deepseek_mm.parse.workers.wire import DAMAGE
from deepseek_mm.sharing.files import ExportLimits, sha256
from deepseek_mm.sharing.parcel import Digest, Known, Name, Parcel, ParcelPart, Setting, Signed, Whole, first_fault
from deepseek_mm.sharing.parcel import read as read_parcel

Format = Literal["deepseek-mm replay"]
Version = Literal[1]
FORMAT: Format = "deepseek-mm replay"
VERSION: Version = 1
SUFFIX, MEDIA_TYPE = ".replay.zip", "application/zip"
MANIFEST, CONVERSATION = "manifest.json", "conversation.json"
ZIP_START = b"PK"  # of every ZIP; no export as JSON begins so
MEMBER = re.compile(r"files/\d{4}/[^/\\\x00-\x1f]{1,240}")
DOTS = ("/.", "/..")  # names of folders, not of files
END = struct.Struct("<4s4H2IH")  # of a ZIP: mark, counts, the directory's length and place, the comment's length
END_MARK, LARGE_MARK = b"PK\5\6", b"PK\6\7"  # the second stands before the end of a ZIP beyond 4 GB
LARGE_BYTES = 20  # how long what begins with it is
ENTRY_BYTES = 400  # of one entry of the directory, at most: 46 and its name
EPOCH = (1980, 1, 1, 0, 0, 0)  # of every entry, so that the same gives the same bytes
EXPORT_AGAIN = "Export the replayable bundle again where it came from"
LeftOut = Literal["gone", "changed", "too large"]


@dataclass(frozen=True, kw_only=True, slots=True)
class BundleLimits:
    """How large a bundle may become, written or read."""

    max_bytes: int = 100_000_000  # of the ZIP: no larger file can be uploaded to the page
    max_file_bytes: int = 40_000_000  # of one cited file; a larger one is left out, and named
    max_files_bytes: int = 60_000_000  # of all of them together; those beyond are left out, and named
    max_manifest_bytes: int = 4_000_000
    most_files: int = 1_000


class BundledModel(ParcelPart):
    """A model that had a part in the answers."""

    role: Name  # what it does: "language model"
    name: Name
    fingerprint: Name = ""  # over its weights, hexadecimal; empty where none is known

    @property
    def title(self) -> str:
        """The name, with the fingerprint's beginning."""
        return f"{self.name} ({self.fingerprint[:8]})" if self.fingerprint else self.name


class BundledIndex(ParcelPart):
    """The index that was searched."""

    space: Name
    fingerprint: Name
    num_sources: Whole
    num_regions: Whole


class BundledFile(ParcelPart):
    """A file of the library that an answer cites, with its bytes in the bundle."""

    member: Name  # in the ZIP
    collection: Name
    digest: Known  # as the library there knows it
    sha256: Known  # of the bytes here: others, where coordinates were removed
    modified_ns: Signed


class MissingFile(ParcelPart):
    """A file that an answer cites, and that did not come along."""

    name: Name
    digest: Digest
    why: LeftOut


class BundleManifest(ParcelPart):
    """What answered, and what is in the bundle."""

    format: Format
    version: Version
    exported_at: AwareDatetime
    program: Name  # its version
    packages: dict[Name, Name]  # name -> version
    machine: Name  # processor, cores and memory, in words
    settings: dict[Name, dict[Name, Setting]]  # when it was exported; each turn has its own in the conversation
    wording: Name  # how words are chosen
    seeds: dict[Name, Signed]  # what is drawn -> the seed that it is drawn from
    models: Annotated[tuple[BundledModel, ...], Field(max_length=100)]
    index: BundledIndex
    conversation: Known  # SHA-256
    files: Annotated[tuple[BundledFile, ...], Field(max_length=10_000)]
    left_out: Annotated[tuple[MissingFile, ...], Field(max_length=100_000)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayBundle:
    """A bundle in memory."""

    manifest: BundleManifest
    conversation: bytes  # as parcel.write gives them
    files: Mapping[str, bytes]  # member of the ZIP -> its bytes

    def open_parcel(self, limits: ExportLimits) -> Parcel:
        """The conversation. BadFile if it is none."""
        return read_parcel(self.conversation, limits=limits)


def is_bundle(data: bytes) -> bool:
    """Whether it may be one: a ZIP, which nothing else is that can be taken in."""
    return data.startswith(ZIP_START)


def write_bundle(bundle: ReplayBundle, *, limits: BundleLimits) -> bytes:
    """The same bundle gives the same bytes. BadFile when they would be too many."""
    stream = io.BytesIO()
    parts = {MANIFEST: bundle.manifest.model_dump_json(indent=1).encode(), CONVERSATION: bundle.conversation}
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in (parts | dict(bundle.files)).items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
    written = stream.getvalue()
    if len(written) > limits.max_bytes:
        raise BadFile(
            f"this conversation and its files make {len(written):,} bytes, and a bundle holds at most "
            f"{limits.max_bytes:,}. Export it as HTML, or branch off a shorter one"
        )
    return written


def read_bundle(data: bytes, *, limits: BundleLimits) -> ReplayBundle:
    """What `write_bundle` wrote. BadFile says what is wrong with anything else."""
    if len(data) > limits.max_bytes:
        raise BadFile(
            f"this bundle has {len(data):,} bytes, and at most {limits.max_bytes:,} are read. Export a shorter "
            "conversation"
        )
    check_directory(data, limits)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            check_entries(archive, len(data), limits)
            parts = {info.filename: archive.read(info) for info in archive.infolist()}
    except BadFile:
        raise
    except DAMAGE as error:
        raise BadFile(f"this file is no whole bundle: {error}. Copy it again, or export it anew") from error
    return check_bundle(parts)


def check_directory(data: bytes, limits: BundleLimits) -> None:
    """BadFile unless the ZIP ends as `write_bundle` ends it; a directory of millions would fill the memory."""
    if len(data) < END.size or not data.startswith(ZIP_START):
        raise BadFile("this file is no ZIP. Choose a replayable bundle that was exported from History")
    mark, *_, length, _, comment = END.unpack(data[-END.size :])
    before = data[-END.size - LARGE_BYTES :]
    if mark != END_MARK or comment or before.startswith(LARGE_MARK):
        raise BadFile(f"this file is no whole bundle: it does not end as an export ends. {EXPORT_AGAIN}")
    if length > (limits.most_files + 2) * ENTRY_BYTES:
        raise BadFile(f"this bundle lists more than {limits.most_files:,} files. {EXPORT_AGAIN}")


def check_entries(archive: zipfile.ZipFile, size_bytes: int, limits: BundleLimits) -> None:
    """BadFile unless these are entries that `write_bundle` may have made; nothing was unpacked yet."""
    entries = archive.infolist()
    names = {info.filename for info in entries}
    if len(entries) > limits.most_files + 2:
        raise BadFile(
            f"this bundle holds {len(entries):,} files, and at most {limits.most_files:,} are read. {EXPORT_AGAIN}"
        )
    if not {MANIFEST, CONVERSATION} <= names:
        raise BadFile("this ZIP is no replayable bundle of this program. Choose one that was exported from History")
    odd = [info.filename for info in entries if not is_ours(info, limits)]
    if odd or len(names) < len(entries):
        raise BadFile(f"this bundle holds what no export writes: {(odd or ['a name twice'])[0]!r:.80}. {EXPORT_AGAIN}")
    if sum(info.file_size for info in entries) > size_bytes:
        raise BadFile(f"this bundle claims to hold more than its own {size_bytes:,} bytes. {EXPORT_AGAIN}")


def is_ours(info: zipfile.ZipInfo, limits: BundleLimits) -> bool:
    """Whether an entry has a name and a kind that `write_bundle` gives."""
    plain = info.compress_type == zipfile.ZIP_STORED and info.file_size == info.compress_size
    if not plain or info.flag_bits & ENCRYPTED:
        return False
    if info.filename == MANIFEST:
        return info.file_size <= limits.max_manifest_bytes
    return info.filename == CONVERSATION or (bool(MEMBER.fullmatch(info.filename)) and not info.filename.endswith(DOTS))


def check_bundle(parts: Mapping[str, bytes]) -> ReplayBundle:
    """The parts as a bundle. BadFile if the manifest does not fit them."""
    manifest = read_manifest(parts[MANIFEST])
    sums = {CONVERSATION: manifest.conversation, **{each.member: each.sha256 for each in manifest.files}}
    for name, digest in sums.items():
        if name not in parts:
            raise BadFile(f"this bundle names {name!r:.80}, but does not hold it. {EXPORT_AGAIN}")
        if sha256(parts[name]) != digest:
            raise BadFile(f"{name!r:.80} of this bundle is damaged or was changed. Copy it again, or export it anew")
    if unnamed := set(parts) - set(sums) - {MANIFEST}:
        raise BadFile(f"this bundle holds what no export writes: {min(unnamed)!r:.80}. {EXPORT_AGAIN}")
    files = {each.member: parts[each.member] for each in manifest.files}
    return ReplayBundle(manifest=manifest, conversation=parts[CONVERSATION], files=files)


def read_manifest(data: bytes) -> BundleManifest:
    """Out of JSON. BadFile if it is of an unknown version, or not as it is written."""
    try:
        whole: Any = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise BadFile(f"the manifest of this bundle is no whole JSON: {error}. {EXPORT_AGAIN}") from None
    version = whole.get("version") if isinstance(whole, dict) and whole.get("format") == FORMAT else None
    if isinstance(version, int) and version > VERSION:
        raise BadFile(
            f"this bundle was written by a newer version of the program (its format is {version}; up to {VERSION} is "
            "known here). Update with: pip install -U deepseek-mm"
        )
    try:
        return BundleManifest.model_validate_json(data)
    except ValidationError as error:
        why = first_fault(error)
        raise BadFile(f"the manifest of this bundle is not as an export writes it: {why}. {EXPORT_AGAIN}") from None
