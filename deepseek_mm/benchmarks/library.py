"""`bench library`: what is kept of files that were moved and renamed, and the seconds of that and of a video.

Small JPEGs, each with bytes of its own, are put into the store with vectors and labels that are made up here; of every
tenth somebody has said something, in own words, by stars and by an album, and a conversation cites it. Then all get
other names, one half in another folder, the other half in other folders of the same one. Both are indexed as a person
does it, the new folder first, while the old one still counts as what is there. No photo may be looked at for that.

The video is as a phone takes it, in its size and with a key frame a second: it moves over bundled photos, one after
the other. It is found by something that it shows.
"""

import io
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageOps

from deepseek_mm.assistant import Assistant
from deepseek_mm.benchmarks.ingestion import bundled_photos
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.benchmarks.synthetic_data import RandomVectors
from deepseek_mm.errors import BadFile
from deepseek_mm.factory import load
from deepseek_mm.ingest.photo_words import OWN_WORDS, WORDS_MARK, name_regions, write_own_words
from deepseek_mm.jobs import Job, follow
from deepseek_mm.library.index_jobs import DESCRIBED, MARK
from deepseek_mm.parse.document import INDEX, open_file
from deepseek_mm.terminal import run_jobs
from deepseek_mm.types import Answer, Citation, Question
from index import Filter, Label, Region, Source

SIDE_PX = 32
A_FOLDER = 200  # files in one folder
SAID = 10  # of so many files something is said of one
THINGS = ("dog", "beach", "kite", "car", "tree", "boat", "cup")
PASSES = (WORDS_MARK, MARK, DESCRIBED)  # that were made over them
ALBUM, SESSION = "kept", "bench"
VIDEO_PX, RATE, SCENE_S = (1920, 1080), 30, 5  # of the video: size, pictures a second, seconds on each photo
PAN_PX = 2  # that it moves from one picture to the next


def measure_library(setting: BenchSetting) -> BenchResult:
    """Files whose labels and what was said of them are kept, and the seconds until they are known where they lie."""
    old, new = setting.folder / "photos", setting.folder / "elsewhere"
    config = replace(setting.config, data=setting.folder / "library", lm=replace(setting.config.lm, name="none"))
    setting.note(f"making {setting.sizes.library_files:,} files")
    paths = write_files(old, setting.sizes.library_files)
    with load(config, progress=setting.note) as assistant:
        store_files(assistant, paths)
        say_something(assistant)
        moved = move_files(paths, old, new)
        setting.note("indexing them where they lie now")
        started, worked = time.perf_counter(), time.process_time()
        jobs = [index_folder(assistant, folder) for folder in (new, old)]
        moved_s, moved_cpu_s = time.perf_counter() - started, time.process_time() - worked
        kept = count_kept(assistant, moved)
        cited = count_cited(assistant)
        video = measure_video(assistant, setting)
    looked_at = sum(job.result["added"] + job.result["replaced"] for job in jobs)
    lines = (
        TableLine(
            f"{len(moved):,} files moved and renamed: labels, own words, stars, album kept",
            f"{kept:,}",
            beside=f"{looked_at} looked at again, {cited:,} of {len(paths[::SAID]):,} citations open",
            bar="all",
        ),
        TableLine(
            "  until they are known where they lie",
            f"{moved_s:.1f} s",
            beside=f"{moved_cpu_s:.1f} s of a processor",
            bar="60 s for 10,000",
        ),
    )
    moves = {"moved_files": len(moved), "labels_kept": kept, "moved_s": moved_s, "moved_cpu_s": moved_cpu_s}
    seen = {"moved_looked_at": looked_at, "citations_kept": cited}
    return BenchResult(lines=(*lines, *video.lines), numbers={**moves, **seen, **video.numbers})


def measure_video(assistant: Assistant, setting: BenchSetting) -> BenchResult:
    """The seconds until a video can be searched, from a library whose models are open."""
    photos, folder = bundled_photos(), setting.folder / "video"
    folder.mkdir()
    index_folder(assistant, photos[0])
    seconds = setting.sizes.video_s
    setting.note(f"filming {seconds} s")
    film_photos(folder / "film.mp4", photos[1:], seconds)
    setting.note("indexing the video")
    started = time.perf_counter()
    index_folder(assistant, folder)
    taken_s = time.perf_counter() - started
    (source,) = assistant.store.sources(Filter(source_kinds=("photo",), folder=str(folder)), limit=1)
    times = {region.at_ms for region in assistant.store.regions_of([source.id])[source.id]}
    line = TableLine(
        f"a video of {seconds} s, {VIDEO_PX[0]} x {VIDEO_PX[1]}: until it can be searched",
        f"{taken_s:.1f} s",
        beside=f"{len(times)} of its pictures kept",
        bar="10 s for 60 s",
    )
    return BenchResult(lines=(line,), numbers={"video_s": taken_s, "video_pictures": len(times)})


def film_photos(path: Path, photos: Sequence[Path], seconds: int) -> None:
    """A video that moves over so many photos as its seconds take."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        stream.width, stream.height = VIDEO_PX
        stream.pix_fmt, stream.codec_context.gop_size = "yuv420p", RATE
        for photo in photos[: -(-seconds // SCENE_S)]:
            for frame in pan_photo(photo, min(seconds, SCENE_S) * RATE):
                container.mux(stream.encode(av.VideoFrame.from_image(frame)))
        container.mux(stream.encode(None))


def pan_photo(path: Path, count: int) -> Iterator[Image.Image]:
    """So many pictures of the video's size, each a little further along the photo."""
    width, height = VIDEO_PX
    with Image.open(path) as photo:
        wide = ImageOps.fit(photo.convert("RGB"), (width + count * PAN_PX, height))
    for n in range(count):
        yield wide.crop((n * PAN_PX, 0, n * PAN_PX + width, height))


def write_files(folder: Path, count: int) -> list[Path]:
    """So many small JPEGs, with a comment that makes the bytes of each its own."""
    whole = io.BytesIO()
    Image.new("RGB", (SIDE_PX, SIDE_PX), "teal").save(whole, "JPEG")
    begin, rest = whole.getvalue()[:2], whole.getvalue()[2:]
    paths = []
    for n in range(count):
        path = folder / f"{n // A_FOLDER}" / f"IMG_{n:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(begin + b"\xff\xfe\x00\x08" + b"%06d" % n + rest)
        paths.append(path)
    return paths


def store_files(assistant: Assistant, paths: Sequence[Path]) -> None:
    """As if they had been read and described."""
    store, parse = assistant.store, assistant.config.parse
    vectors = chain.from_iterable(RandomVectors(assistant.retriever.space.dim).pieces(len(paths)))
    for n, (path, vector_D) in enumerate(zip(paths, vectors, strict=True)):
        file = open_file(path, parse)
        source = Source(
            path=file.path,
            format="jpeg",
            digest=file.digest,
            size_bytes=file.size_bytes,
            modified_ns=file.modified_ns,
            width_px=SIDE_PX,
            height_px=SIDE_PX,
        )
        whole = Region(source=source, kind="whole", box_px=(0, 0, SIDE_PX, SIDE_PX), labels=labels_of(n))
        own = [write_own_words(source, said_of(n))] if n % SAID == 0 else []
        regions = [whole, *name_regions(source), *own]
        store.add(source, regions, np.tile(vector_D, (len(regions), 1)), marks=PASSES)


def labels_of(n: int) -> tuple[Label, ...]:
    """What a made-up detector says of the photo of this number."""
    return (Label(name=THINGS[n % len(THINGS)], score=0.9), Label(name=f"number {n}", score=0.5))


def said_of(n: int) -> str:
    """What somebody wrote about it."""
    return f"the one of number {n}"


def say_something(assistant: Assistant) -> None:
    """Of every tenth photo: stars, a place in an album, and a conversation that cites it."""
    every, store = Filter(source_kinds=("photo",)), assistant.store
    sources = store.sources(every, limit=store.counts(where=every).sources, order="name")[::SAID]
    ids = [source.id for source in sources]
    store.curation.rate(ids, is_favourite=True, stars=4)
    store.curation.put_into(store.curation.make_album(ALBUM), ids)
    leading = store.leading(ids)
    cited = [Citation(number=n, region=leading[each], score=1.0) for n, each in enumerate(ids, start=1)]
    asked = Question(text="show me some", session=SESSION)
    _, turn = assistant.history.begin(asked, image_path="", settings={}, fingerprint="")
    assistant.history.finish(turn, Answer(text="these [1]", citations=tuple(cited)))


def move_files(paths: Sequence[Path], old: Path, new: Path) -> list[Path]:
    """Every second one into the other folder, the rest into other folders of their own; each with another name."""
    moved = []
    for n, path in enumerate(paths):
        target = (new if n % 2 else old) / f"trip {n // A_FOLDER}" / f"harbour {n}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(path, target)
        moved.append(target)
    return moved


def index_folder(assistant: Assistant, folder: Path) -> Job:
    """The job that has taken it in. BadFile if it failed."""
    with run_jobs(assistant.library):
        *_, job = follow(assistant.library.jobs, assistant.library.add([folder]).id)
    if job.num_failed or job.state != "done":
        raise BadFile(f"{folder} was not read: {job.message}. See why with: {INDEX} {folder}")
    return job


def count_kept(assistant: Assistant, moved: Sequence[Path]) -> int:
    """Files of which everything is known where they lie now that was known before."""
    kept, store = 0, assistant.store
    for n, path in enumerate(moved):
        source = store.source_at(str(path))
        if source is None or source.id == 0:
            continue
        regions = store.regions_of([source.id])[source.id]
        told = [region.text for region in regions if region.label == OWN_WORDS]
        wanted = [said_of(n)] if n % SAID == 0 else []
        is_rated = store.curation.ratings_of([source.id]).get(source.id) is not None
        is_curated = is_rated and store.curation.albums_of(source.id) == [ALBUM]
        kept += regions[0].labels == labels_of(n) and told == wanted and is_curated == (n % SAID == 0)
    return kept


def count_cited(assistant: Assistant) -> int:
    """Citations of the conversation whose file is where they say."""
    (talk,) = assistant.history.conversations(session=SESSION, limit=1)
    (turn,) = assistant.history.turns(talk.id, session=SESSION)
    return sum(os.path.exists(each.region.source.path) for each in turn.answer.citations)
