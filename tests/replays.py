"""Bundles for the tests of replays: a house with photos, a conversation in it, and bundles that mean harm."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Event

from fakes import Parrot
from rag_house import build, paint, put

from deepseek_mm.accounts.permissions import COMMAND_LINE
from deepseek_mm.assistant import Assistant
from deepseek_mm.services.conversation_replay import Place, ReplayedTurn, open_room
from deepseek_mm.services.history_service import HistoryService
from deepseek_mm.sharing.files import sha256
from deepseek_mm.sharing.replay_bundle import CONVERSATION, MANIFEST, BundleLimits, ReplayBundle, read_bundle
from deepseek_mm.types import Question

QUESTIONS = ("Is there something red?", "And what colour is it?", "What colour is it?")  # the last one of a picture


def house(folder: Path, *, text: str = "It is red [1].", photos: tuple[str, ...] = ("red", "blue")) -> Assistant:
    """A library of painted photos, and a model that always says the same."""
    assistant = build(folder / "library", lm=Parrot(text))
    put(assistant, *(paint(folder / "photos", f"{name}.png", name) for name in photos))
    return assistant


def talk(assistant: Assistant, folder: Path, *, session: str = "") -> int:
    """A conversation of three turns: the library, the turn before, a picture that came along."""
    first, second, third = QUESTIONS
    number = assistant.ask(Question(text=first, session=session)).conversation
    assistant.ask(Question(text=second, conversation=number, session=session))
    own = paint(folder / "own", "green.png", "green")
    assistant.ask(
        Question(text=third, conversation=number, session=session, image_path=str(own), image_name="My green.png")
    )
    return number


def exported(assistant: Assistant, conversation: int, **more) -> bytes:
    """The conversation as a bundle's bytes."""
    return HistoryService(assistant=assistant).export(COMMAND_LINE, conversation, "replay", **more).data


def opened(data: bytes) -> ReplayBundle:
    return read_bundle(data, limits=BundleLimits())


def replay(assistant: Assistant, bundle: ReplayBundle, place: Place) -> list[ReplayedTurn]:
    """Every turn again."""
    with open_room(assistant, bundle, place, stop=Event(), tell=lambda done, total: None) as room:
        return list(room.ask_all(Event()))


def parts_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes], *, method: int = zipfile.ZIP_STORED, twice: str = "") -> bytes:
    """A ZIP of these, one of them twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in [*parts.items(), *([(twice, parts[twice])] if twice else [])]:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def forged(data: bytes, change: Callable[[dict], object], **more: bytes) -> bytes:
    """The bundle with its manifest changed, and other parts: what an attacker would hand in."""
    parts = parts_of(data) | more
    manifest = json.loads(parts[MANIFEST])
    change(manifest)
    return zipped(parts | {MANIFEST: json.dumps(manifest).encode()})


def renamed(data: bytes, name: str) -> bytes:
    """The bundle with its first file under another name, listed so, with sums that fit."""
    parts = parts_of(data)
    (old, *_) = [each for each in parts if each.startswith("files/")]
    manifest = json.loads(parts[MANIFEST])
    next(each for each in manifest["files"] if each["member"] == old)["member"] = name
    moved = {name if key == old else key: value for key, value in parts.items()}
    return zipped(moved | {MANIFEST: json.dumps(manifest).encode()})


def with_conversation(data: bytes, conversation: bytes) -> bytes:
    """The bundle with another conversation, and its sum."""
    return forged(
        data, lambda manifest: manifest.update(conversation=sha256(conversation)), **{CONVERSATION: conversation}
    )


def overlapping(data: bytes) -> bytes:
    """A ZIP whose entries all lie over each other: it claims to hold far more than it has bytes."""
    ours = parts_of(data)
    heavy = max(ours, key=lambda name: len(ours[name]))
    whole = zipped(ours)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        info, start = archive.getinfo(heavy), archive.start_dir
    directory, rest = whole[start:-22], whole[:start]
    entries = b"".join(entry_of(info, f"files/{n:04}/a") for n in range(1, 200))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 203, 203, len(directory + entries), start, 0)
    return rest + directory + entries + end


def entry_of(info: zipfile.ZipInfo, name: str) -> bytes:
    """A line of the directory that points at the bytes of another entry."""
    head = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 20, 0, 0, 0, 0, 0, info.CRC, info.file_size, info.file_size,
        len(name), 0, 0, 0, 0, 0, info.header_offset,
    )  # fmt: skip
    return head + name.encode()


def crowded(count: int) -> bytes:
    """A ZIP of nothing but so many entries in its directory."""
    directory = (struct.pack("<4s", b"PK\1\2") + bytes(42)) * count
    start = struct.pack("<4s", b"PK\3\4") + bytes(26)
    return start + directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0, 0, len(directory), len(start), 0)
