"""Files that belong together: a live photo and its video, a raw picture and its JPEG, the shots of a burst.

They lie in one folder, and their names say so: they have the same stem, or those that a camera gives to the shots of a
burst. One of a group leads, and stands for all of it where photos are looked through: the picture before the raw one
before the video, the burst's cover or its first shot. What was taken more than a day from the leader only happens to be
called so, as where a counter of a camera began anew, and stands by itself.

Who leads whom is kept in the table of sources by triggers, so it is right after whatever adds, moves or removes a file.

Names: of live photos and of raw pictures beside JPEG as Apple (IMG_1234.HEIC, IMG_1234.MOV), iCloud's exports
(IMG_1234.HEIC.MOV) and cameras (DCF of JEITA, where what belongs together shares its number) give them. Of bursts as
samples of real phones have them in the tests of immich-go (github.com/simulot/immich-go, internal/filenames), but for
Pixel's ".BURST-01", of which no sample was at hand.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from index.region import RAW_FORMATS, VIDEO_FORMATS, Source

LIVE_MS = 6_000  # longest video of a live photo: Apple's take 3 s, other phones' up to 5 s
APART_US = 24 * 3600 * 1_000_000  # between what belongs together: videos may name another zone than pictures
PICTURES = ("jpeg", "heic")
COVER, PICTURE, RAW, VIDEO = range(4)  # ranks; the lowest leads
ENDING = re.compile(r"\.(?:heic|heif|jpe?g)$")  # before that of a video
SHOTS = tuple(
    map(
        re.compile,
        (
            r"\d{5}\w{0,2}(?:img|portrait)_\d{5}_(?P<name>burst\d{14,17})(?P<cover>_cover)?",  # Nexus, early Pixel
            r"dsc_\d{4}_(?P<name>burst\d{14,17})(?P<cover>_cover)?",  # Sony Xperia
            r"(?P<name>img_\d{8}_\d{6,9}_burst)\d{3}(?P<cover>_cover)?",  # Huawei
            r"(?P<name>\d{8}_\d{6})_\d{3}",  # Samsung
            r"(?P<name>pxl_\d{8}_\d{9})(?:\.[a-z_]+)*\.burst-\d{2}(?P<cover>\.cover)?(?:\.original)?",  # Pixel
        ),
    )
)
PIXEL_RAW = re.compile(r"(?P<name>pxl_\d{8}_\d{9})(?:\.[a-z_]+)*\.raw-\d{2}(?P<cover>\.cover)?(?:\.original)?")


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupPlace:
    """To which files one may belong by its name, and where it stands among them."""

    key: str = ""  # the folder and what the names have in common; "" of what belongs to nothing
    rank: int = COVER
    is_shot: bool = False  # one of a burst


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupKinds:
    """What a group is; it may be several."""

    is_live: bool  # a picture with a video
    has_raw: bool  # a picture with a raw one
    shots: int  # of a burst; 0 where there is only one


def place_in_group(path: str, format: str, duration_ms: int) -> GroupPlace:
    """By a file's name, its type, and the length of a video."""
    is_video = format in VIDEO_FORMATS
    if format not in (*PICTURES, *RAW_FORMATS) and not (is_video and duration_ms <= LIVE_MS):
        return GroupPlace()
    folder, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0].casefold()
    stem = ENDING.sub("", stem) if is_video else stem
    shot = next(filter(None, (pattern.fullmatch(stem) for pattern in SHOTS)), None)
    named = shot or PIXEL_RAW.fullmatch(stem)
    if not stem:
        return GroupPlace()
    if is_video or format in RAW_FORMATS:
        rank = VIDEO if is_video else RAW
    else:
        rank = COVER if named and named.groupdict().get("cover") else PICTURE
    return GroupPlace(key=f"{folder}/{named['name'] if named else stem}", rank=rank, is_shot=shot is not None)


def tell_kinds(members: Sequence[Source]) -> GroupKinds:
    """What these, which belong together, are."""
    places = [place_in_group(each.path, each.format, each.duration_ms) for each in members]
    ranks = {place.rank for place in places}
    is_seen = bool(ranks & {COVER, PICTURE})
    shots = sum(place.is_shot and place.rank <= PICTURE for place in places)
    return GroupKinds(
        is_live=VIDEO in ranks and len(ranks) > 1, has_raw=RAW in ranks and is_seen, shots=shots if shots > 1 else 0
    )


LEADER = f"""coalesce((SELECT first.id FROM (
    SELECT id, date_us, group_rank FROM sources AS other
    WHERE other.group_key = {{row}}.group_key AND other.group_key != ''
    ORDER BY other.group_rank, other.sort_name, other.id LIMIT 1) AS first
    WHERE first.id != sources.id AND first.group_rank < {VIDEO} AND (first.date_us IS NULL OR sources.date_us IS NULL
    OR abs(first.date_us - sources.date_us) <= {APART_US})), 0)"""
REGROUP = f"""UPDATE sources SET leader = {LEADER}
    WHERE group_key = {{row}}.group_key AND group_key != '' AND leader != {LEADER};"""
TRIGGERS = (
    f"""CREATE TRIGGER group_joined AFTER INSERT ON sources WHEN new.group_key != '' BEGIN
    {REGROUP.format(row="new")} END""",
    f"""CREATE TRIGGER group_left AFTER DELETE ON sources WHEN old.group_key != '' BEGIN
    {REGROUP.format(row="old")} END""",
    f"""CREATE TRIGGER group_changed AFTER UPDATE OF group_key, group_rank, date_us ON sources BEGIN
    UPDATE sources SET leader = 0 WHERE id = new.id AND new.group_key = '' AND leader != 0;
    {REGROUP.format(row="old")} {REGROUP.format(row="new")} END""",
)
SERVER_TRIGGERS = (  # the same on a server
    f"""CREATE FUNCTION lead_group(wanted text) RETURNS void LANGUAGE sql AS $$
    UPDATE sources SET leader = {LEADER.format(row="sources")}
    WHERE group_key = wanted AND group_key != '' AND leader != {LEADER.format(row="sources")} $$""",
    """CREATE FUNCTION regroup() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'UPDATE' AND NEW.group_key = '' AND NEW.leader != 0 THEN
        UPDATE sources SET leader = 0 WHERE id = NEW.id;
    END IF;
    IF TG_OP != 'INSERT' THEN PERFORM lead_group(OLD.group_key); END IF;
    IF TG_OP != 'DELETE' THEN PERFORM lead_group(NEW.group_key); END IF;
    RETURN NULL; END $$""",
    "CREATE TRIGGER group_joined AFTER INSERT ON sources FOR EACH ROW WHEN (NEW.group_key != '') "
    "EXECUTE FUNCTION regroup()",
    "CREATE TRIGGER group_left AFTER DELETE ON sources FOR EACH ROW WHEN (OLD.group_key != '') "
    "EXECUTE FUNCTION regroup()",
    "CREATE TRIGGER group_changed AFTER UPDATE OF group_key, group_rank, date_us ON sources FOR EACH ROW "
    "EXECUTE FUNCTION regroup()",
)
OLDER = (  # what an older file lacks
    "ALTER TABLE sources ADD COLUMN group_key VARCHAR NOT NULL DEFAULT ''",
    "ALTER TABLE sources ADD COLUMN group_rank INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE sources ADD COLUMN leader INTEGER NOT NULL DEFAULT 0",
    *(f"DROP INDEX sources_by_{key}" for key in ("sort_name", "date_us", "size_bytes")),
    *(
        f"CREATE INDEX sources_by_{key} ON sources ({key}, id, collection, kind, format, leader)"
        for key in ("sort_name", "date_us", "size_bytes")
    ),
    "CREATE INDEX sources_by_group ON sources (group_key) WHERE group_key != ''",
    "CREATE INDEX sources_by_leader ON sources (leader) WHERE leader != 0",
)
KNOWN = "SELECT id, path, format, duration_ms FROM sources WHERE kind = 'photo'"
PLACED = "UPDATE sources SET group_key = ?, group_rank = ? WHERE id = ?"
LED = f"UPDATE sources SET leader = {LEADER.format(row='sources')} WHERE group_key != ''"


def create_triggers(connection: Connection) -> None:
    """What keeps the leaders right."""
    for statement in TRIGGERS:
        connection.exec_driver_sql(statement)


def group_older(connection: Connection) -> None:
    """An older file learns which of its photos belong together."""
    for statement in OLDER:
        connection.exec_driver_sql(statement)
    rows = connection.exec_driver_sql(KNOWN).all()
    placed = [(place_in_group(path, format, length), source_id) for source_id, path, format, length in rows]
    if placed:
        connection.exec_driver_sql(PLACED, [(place.key, place.rank, source_id) for place, source_id in placed])
    connection.exec_driver_sql(LED)
    create_triggers(connection)
