"""The bytes of a video become a few of its pictures, each with its time. Runs in a worker.

What a video shows changes little from one picture to the next, so it is looked at in even steps, at key frames where
there are enough of them: those are decoded alone. Between key frames that lie far apart everything is decoded. Of
pictures that look alike the first is kept, and a black beginning is none, so that a cut or a movement makes a new one.

A video is read where it lies and never held in memory. FFmpeg is told which container it is, so that no file makes it
open another one. Pictures are turned upright, and have square pixels, as players show them.

Sources: ISO 14496-12 (creation time, display matrix), Apple's QuickTime metadata keys, ISO 6709 (places).
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING

import numpy as np
from PIL import Image as PILImage
from PIL.Image import Image
from PIL.Image import Transpose as Turn

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadPicture
from deepseek_mm.parse.formats import LONG_SIDE_PX, Contents, File, Piece
from deepseek_mm.parse.image_metadata import Camera, name_camera

if TYPE_CHECKING:  # which takes a third of a second to import
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

CONTAINERS = {"mp4": "mov", "mov": "mov", "m4v": "mov", "webm": "matroska", "mkv": "matroska", "avi": "avi"}
STEP_MS = 1_000  # between two pictures that are looked at, at least
SPARSE_MS = 4_000  # key frames that lie further apart are too few
DECODED_MS = 600_000  # a longer video is looked at by its key frames alone, however few
SLACK_MS = 20  # that times of one picture may differ by
CELLS = 12  # a side of the tiny copy by which pictures are compared
CHANGED_SHARE = 0.1  # of its cells, those that differ most, say whether something has changed
ALIKE = 36.0  # mean difference of these, 0 to 255, below which two pictures are alike
FLAT = 6.0  # deviation of greys below which a picture shows nothing
WHOLE_SHARE = 0.9  # of the length that a video claims must be there
EARLIEST_YEAR = 1980  # cameras without a clock write 1904 or 1970
COVER = 1024  # disposition of a track that is the picture of a piece of music: FFmpeg's AV_DISPOSITION_ATTACHED_PIC
TURNS = {90: Turn.ROTATE_90, 180: Turn.ROTATE_180, 270: Turn.ROTATE_270}
PLACE = re.compile(r"([+-](?:\d\d){1,3}(?:\.\d+)?)([+-]\d(?:\d\d){1,3}(?:\.\d+)?)", re.ASCII)
MAKERS, MODELS = (
    tuple(f"{begin}{end}" for begin in ("com.apple.quicktime.", "com.android.", "") for end in ends)
    for ends in (("make", "manufacturer"), ("model",))
)
TIMES = ("com.apple.quicktime.creationdate", "creation_time", "date")
PLACES = ("com.apple.quicktime.location.iso6709", "location", "location-eng")
TITLES = ("title", "description", "comment", "synopsis", "com.apple.quicktime.title", "com.apple.quicktime.description")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenVideo:
    """A video whose head was read."""

    name: str
    container: "InputContainer"
    stream: "VideoStream"
    keys_ms: Sequence[int]  # times of key frames, rising
    duration_ms: int
    shorter_px: int  # that the shorter side of its pictures is to have at least, where it is longer

    @property
    def start_ms(self) -> int:
        """What its own clock says at its beginning."""
        return to_ms(self.stream.start_time or 0, self.stream)

    def frames_from(self, key_ms: int) -> "Iterator[tuple[int, VideoFrame]]":
        """Its frames with their times, from a key frame on."""
        clock = (key_ms + self.start_ms) / 1000 / float(self.stream.time_base or 1)
        self.container.seek(int(clock), stream=self.stream, backward=True)
        for frame in self.container.decode(self.stream):
            at_ms = to_ms(frame.pts or 0, self.stream) - self.start_ms
            if at_ms >= key_ms - SLACK_MS:
                yield max(0, at_ms), frame


def read_video(stream: IO[bytes], file: File, config: ParseConfig) -> Contents:
    """What the video says of itself, and its pictures, which are decoded when they are asked for. BadPicture."""
    with ExitStack() as opening:
        video = opening.enter_context(open_video(stream, file, config))
        pieces = distinct_pieces(video, config.max_frames)
        first = next(pieces, None)
        if first is None:
            raise BadPicture(f"{file.path} is a video without a picture that can be decoded. Save it anew as MP4")
        width, height = first.box_px[2:]
        return Contents(
            pieces=close_after(itertools.chain([first], pieces), opening.pop_all()),
            width_px=width,
            height_px=height,
            camera=read_camera(tags_of(video)),
            duration_ms=video.duration_ms,
        )


def read_moment(stream: IO[bytes], file: File, at_ms: int, config: ParseConfig) -> Image:
    """The picture at a time; at 0 the one that stands for the video. BadPicture."""
    if not at_ms:
        (first, *_) = itertools.islice(read_video(stream, file, config).pieces, 1)
        assert first.image is not None, "a piece of a video is a picture"
        return first.image
    with open_video(stream, file, config) as video:
        key_ms = max((each for each in video.keys_ms if each <= at_ms), default=0)
        last = None
        for frame_ms, frame in video.frames_from(key_ms):
            last = frame
            if frame_ms >= at_ms - SLACK_MS:
                break
        if last is None:
            raise BadPicture(f"{file.path} has no picture at {at_ms / 1000:.1f} seconds. Index it again")
        return draw(last, video)[0]


def read_texts(stream: IO[bytes], file: File) -> tuple[str, tuple[str, ...]]:
    """The camera, and titles and descriptions that somebody wrote into it. BadPicture."""
    with open_container(stream, file) as (container, video):
        tags = {**lower(video.metadata), **lower(container.metadata)}
    camera = name_camera(find_tag(tags, MAKERS), find_tag(tags, MODELS))
    return camera, tuple(dict.fromkeys(tags[name].strip() for name in TITLES if tags.get(name, "").strip()))


@contextmanager
def open_video(stream: IO[bytes], file: File, config: ParseConfig) -> Iterator[OpenVideo]:
    """The video with its key frames found and no picture decoded. BadPicture, also where its user meets a fault."""
    with open_container(stream, file) as (container, track):
        check_sides(track, file, config)
        keys_ms, last_ms = find_keys(container, track, file)
        claimed_ms = measure_length(container, track)
        if last_ms < WHOLE_SHARE * claimed_ms - STEP_MS:
            raise BadPicture(
                f"{file.path} is cut short: of {claimed_ms / 1000:.0f} seconds {last_ms / 1000:.0f} are there. "
                "Copy it again from where it came"
            )
        yield OpenVideo(
            name=file.path,
            container=container,
            stream=track,
            keys_ms=keys_ms or [0],
            duration_ms=max(claimed_ms, last_ms, 1),
            shorter_px=config.draft_px,
        )


@contextmanager
def open_container(stream: IO[bytes], file: File) -> "Iterator[tuple[InputContainer, VideoStream]]":
    """FFmpeg's view of it, and the track that shows something; what FFmpeg says against it becomes BadPicture."""
    import av

    av.logging.set_level(None)  # what it has to say comes as an error
    try:
        with av.open(stream, "r", format=CONTAINERS[file.format.name], metadata_errors="ignore") as container:
            tracks = [each for each in container.streams.video if not each.disposition & COVER]
            if not tracks:
                raise BadPicture(f"{file.path} is sound without a picture. Save it as MP4 with H.264 pictures")
            if tracks[0].codec_context is None:
                raise BadPicture(
                    f"{file.path} is in a coding that is not known here. Save it as MP4 with H.264 pictures"
                )
            tracks[0].codec_context.thread_count = 1
            yield container, tracks[0]
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadPicture(f"{file.path} is damaged or cut short: {why}. Copy it again from where it came") from error


def check_sides(track: "VideoStream", file: File, config: ParseConfig) -> None:
    """Refuse a video whose pictures would need too much memory."""
    width, height = track.codec_context.width, track.codec_context.height
    if width * height > config.max_pixels:
        raise BadPicture(
            f"{file.path} has pictures of {width:,} x {height:,} = {width * height:,} pixels, and parse.max_pixels "
            f"allows {config.max_pixels:,}. Make the video smaller, or raise parse.max_pixels"
        )


def measure_length(container: "InputContainer", track: "VideoStream") -> int:
    """How many milliseconds it says that it lasts; 0 where it does not."""
    counted_ms = round(1000 * track.frames / track.average_rate) if track.average_rate else 0
    return max((container.duration or 0) // 1000, to_ms(track.duration or 0, track), counted_ms)


def find_keys(container: "InputContainer", track: "VideoStream", file: File) -> tuple[list[int], int]:
    """Times of its key frames, rising, and of its last picture: by its index, or else by its packets."""
    start_ms, claimed_ms = to_ms(track.start_time or 0, track), measure_length(container, track)
    entries = list(track.index_entries)  # whose clock begins before the first picture where some come out of order
    if entries and to_ms(entries[-1].timestamp - entries[0].timestamp, track) >= WHOLE_SHARE * claimed_ms - STEP_MS:
        there = [each for each in entries if each.pos + each.size <= file.size_bytes]
        times = [(to_ms(each.timestamp - entries[0].timestamp, track), each.is_keyframe) for each in there]
    else:
        packets = [packet for packet in container.demux(track) if packet.pts is not None]
        times = [(to_ms(packet.pts or 0, track) - start_ms, packet.is_keyframe) for packet in packets]
    return sorted(at_ms for at_ms, is_key in times if is_key), max((at_ms for at_ms, _ in times), default=0)


def distinct_pieces(video: OpenVideo, most: int) -> Iterator[Piece]:
    """At most so many of its pictures, in order, none like one before it; a flat one only where there is no other."""
    kept: list[np.ndarray] = []
    flat: list[Piece] = []
    for at_ms, frame in look_through(video, most):
        image, size = draw(frame, video)
        piece = Piece(kind="whole", image=image, box_px=(0, 0, *size), at_ms=at_ms)
        tiny = np.asarray(image.resize((CELLS, CELLS), PILImage.Resampling.BOX), np.float32)
        if tiny.mean(axis=2).std() < FLAT:
            flat = flat or [piece]
        elif not any(are_alike(tiny, other) for other in kept):
            kept.append(tiny)
            yield piece
    if not kept:
        yield from flat


def look_through(video: OpenVideo, most: int) -> "Iterator[tuple[int, VideoFrame]]":
    """A picture for each step: the nearest key frame before it, or the picture itself where those are far apart."""
    step_ms = max(STEP_MS, -(-video.duration_ms // most))
    wanted_ms = 0
    for key_ms, next_ms in itertools.pairwise([*video.keys_ms, video.duration_ms + SLACK_MS]):
        if wanted_ms >= min(next_ms, video.duration_ms):
            continue
        is_sparse = next_ms - key_ms > SPARSE_MS and video.duration_ms <= DECODED_MS
        for at_ms, frame in video.frames_from(key_ms):
            if at_ms >= next_ms - SLACK_MS:
                break
            if is_sparse and at_ms < wanted_ms - SLACK_MS:
                continue
            yield at_ms, frame
            wanted_ms = step_ms * ((at_ms + SLACK_MS if is_sparse else next_ms - 1) // step_ms + 1)
            if not is_sparse or wanted_ms >= next_ms:
                break


def are_alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether nothing to speak of differs, even where they differ most."""
    cells = np.sort(np.abs(one - other).mean(axis=2), axis=None)
    return float(cells[-max(1, round(CHANGED_SHARE * len(cells))) :].mean()) < ALIKE


def draw(frame: "VideoFrame", video: OpenVideo) -> tuple[Image, tuple[int, int]]:
    """The picture, upright and with square pixels, perhaps reduced; and the size that it has in full."""
    aspect = float(video.stream.sample_aspect_ratio or 1)
    width, height = max(1, round(frame.width * aspect)), frame.height
    scale = min(1.0, LONG_SIDE_PX / max(width, height), video.shorter_px / min(width, height))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = frame.reformat(width=small[0], height=small[1], format="rgb24").to_image()
    turn = TURNS.get(round(frame.rotation) % 360)
    if turn is None:
        return image, (width, height)
    return image.transpose(turn), (width, height) if turn is Turn.ROTATE_180 else (height, width)


def close_after(pieces: Iterator[Piece], opening: ExitStack) -> Iterator[Piece]:
    """The pieces; the video is let go of after the last one, or when nobody wants more."""
    with opening:
        yield from pieces


def tags_of(video: OpenVideo) -> dict[str, str]:
    """What it says of itself, by names in small letters; the container's word counts more than the track's."""
    return {**lower(video.stream.metadata), **lower(video.container.metadata)}


def lower(tags: Mapping[str, str]) -> dict[str, str]:
    """The same, by names in small letters."""
    return {name.lower(): str(value) for name, value in tags.items()}


def read_camera(tags: Mapping[str, str]) -> Camera:
    """When and where it was taken, as far as it says so."""
    taken = next((time for name in TIMES if (time := read_time(tags.get(name, "")))), None)
    latitude, longitude = read_place(find_tag(tags, PLACES))
    return Camera(taken_at=taken, latitude=latitude, longitude=longitude)


def find_tag(tags: Mapping[str, str], names: Sequence[str]) -> str:
    """The first of these that says something."""
    return next((value for name in names if (value := tags.get(name, "").strip())), "")


def read_time(text: str) -> datetime | None:
    """The clock's time that was written, whatever its zone: Apple writes the local one, others that of Greenwich."""
    try:
        time = datetime.fromisoformat(text.strip()).replace(tzinfo=None, microsecond=0)
    except ValueError:
        return None
    return time if time.year >= EARLIEST_YEAR else None


def read_place(text: str) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees of a place as ISO 6709 writes it: "+48.8577+002.2950/", "+4851.4+00217.7/"."""
    match = PLACE.match(text)
    if match is None:
        return None, None
    latitude, longitude = (to_degrees(part, whole) for part, whole in zip(match.groups(), (2, 3), strict=True))
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else (None, None)


def to_degrees(text: str, digits: int) -> float:
    """Degrees, of which the first digits are whole ones, perhaps with minutes and seconds behind them."""
    sign, whole, fraction = text[0], *text[1:].partition(".")[::2]
    parts = [whole[:digits], *(whole[at : at + 2] for at in range(digits, len(whole), 2))]
    values = [float(part) for part in parts]
    values[-1] += float(f"0.{fraction or 0}")
    size = sum((value / 60**n for n, value in enumerate(values)), start=0.0)
    return -size if sign == "-" else size


def to_ms(clock: int, track: "VideoStream") -> int:
    """What a track's clock says, in milliseconds."""
    return round(1000 * clock * float(track.time_base or 0))
