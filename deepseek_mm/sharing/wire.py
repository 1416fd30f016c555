"""A parcel becomes bytes, and bytes a parcel again, or a sentence that says why not.

    {"format": "deepseek-mm conversation", "version": 1, "exported_at": .., "program": .., "sha256": .., "payload": ..}

The sum is taken over the payload in one fixed spelling (keys sorted, no spaces), so a file may be indented anew. It
tells of damage, not of malice: whoever changes a file can change its sum. So everything behind it is checked as well.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from deepseek_mm.errors import BadFile
from deepseek_mm.sharing.nouns import ExportLimits
from deepseek_mm.sharing.parcel import FORMAT, VERSION, Parcel

HEAD = {"format", "version", "exported_at", "program", "sha256", "payload"}
AGAIN = "Export the conversation again where it came from"
DAMAGED = "this file is damaged or was changed: its contents do not fit its sha256. Copy it again, or export it anew"


def write(parcel: Parcel, *, program: str, now: datetime, limits: ExportLimits) -> bytes:
    """The same parcel gives the same bytes but for `exported_at`. BadFile when they would be too many."""
    payload = parcel.model_dump(mode="json")
    head = {"format": FORMAT, "version": VERSION, "exported_at": now.astimezone(UTC).isoformat(), "program": program}
    whole = head | {"sha256": checksum(payload), "payload": payload}
    data = json.dumps(whole, ensure_ascii=False, indent=1).encode() + b"\n"
    if len(data) > limits.max_bytes:
        raise BadFile(
            f"this conversation and its pictures make {len(data):,} bytes, and a file holds at most "
            f"{limits.max_bytes:,}. Export it as HTML, or back up the whole library"
        )
    return data


def read(data: bytes, *, limits: ExportLimits) -> Parcel:
    """What `write` wrote. BadFile says what is wrong with anything else."""
    if len(data) > limits.max_bytes:
        raise BadFile(
            f"this file has {len(data):,} bytes, and at most {limits.max_bytes:,} are read. "
            "Restore a backup instead, or export a shorter conversation"
        )
    payload = open_payload(parse_object(data))
    try:
        return Parcel.model_validate_json(canonical(payload))
    except ValidationError as error:
        raise BadFile(f"this file holds what no export writes: {first_fault(error)}. {AGAIN}") from None


def parse_object(data: bytes) -> dict[str, Any]:
    """Any JSON object. BadFile for what is none, or is nested beyond reason."""
    try:
        whole = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        why = f"this file is no whole JSON: {error}. Copy it again, or choose one that was exported as JSON"
        raise BadFile(why) from None
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise BadFile(
            "this file is JSON, but no conversation of this program. Choose one that was exported as JSON from History"
        )
    return whole


def open_payload(whole: dict[str, Any]) -> Any:
    """The payload, if it is of a version that is known and as it was written."""
    version = whole.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise BadFile(f"this file names {version!r:.40} as its version, which is no number of one. {AGAIN}")
    if version > VERSION:
        raise BadFile(
            f"this file was written by a newer version of the program (its format is {version}; up to {VERSION} is "
            "known here). Update with: pip install -U deepseek-mm"
        )
    if set(whole) != HEAD:
        odd = ", ".join(sorted(f"{key:.40}" for key in set(whole) ^ HEAD))
        raise BadFile(f"this file lacks, or has beside what belongs there: {odd}. {AGAIN}")
    if checksum(whole["payload"]) != whole["sha256"]:
        raise BadFile(DAMAGED)
    return whole["payload"]


def canonical(payload: Any) -> bytes:
    """The one spelling that the sum is taken over."""
    try:
        return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except ValueError as error:  # a number of thousands of digits
        raise BadFile(f"this file holds what no export writes: {error}. {AGAIN}") from None


def checksum(payload: Any) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(canonical(payload)).hexdigest()


def first_fault(error: ValidationError) -> str:
    """Where, and what is wrong there; never the value, which may be long."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(step)[:40] for step in fault["loc"]) or "payload"
    return f"{place}: {fault['msg']}"
