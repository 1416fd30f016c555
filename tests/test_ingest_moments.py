"""A video is one source whose key frames are regions with a time; searches and questions find the moment."""

from dataclasses import replace

import pytest
from slow_ingest import SlowSpace, open_eyes, open_store
from tiny_videos import DARK, make_video

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.ingest import Intake, intake
from deepseek_mm.ingest.moments import join_moments
from deepseek_mm.retrieval.moments import at_moment, nearest_moment
from index import Filter, Label, Region, Source

SCENES = [(DARK, (255, 0, 0)), (DARK, (0, 0, 255)), (DARK, (255, 255, 0))]
CLIP = Source(path="/a/clip.mp4", format="mp4", width_px=96, height_px=64, duration_ms=6000)


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as opened:
        yield opened


def take(paths, store, **config):
    return Intake(eyes=open_eyes(SlowSpace()), store=store, config=ParseConfig(**config)).take(paths)


def wholes(store, path):
    source = store.source_at(str(path))
    return [region for region in store.regions_of([source.id])[source.id] if region.kind == "whole"]


def test_each_scene_is_found_by_what_it_shows_at_its_time(tmp_path, store):
    path = make_video(tmp_path / "clip.mp4", SCENES)
    assert take([path], store).added == 1
    source = store.source_at(str(path))
    assert (source.kind, source.is_video, source.duration_ms) == ("photo", True, 6000)
    assert [region.at_ms for region in wholes(store, path)] == [0, 2000, 4000]
    found = store.search_many(SlowSpace().embed_texts(["blue", "yellow"]), k=1, where=Filter(kinds=("whole",)))
    assert [(hits[0].region.source.name, hits[0].region.at_ms) for hits in found] == [
        ("clip.mp4", 2000),
        ("clip.mp4", 4000),
    ]


def test_photos_around_a_video_stay_their_own_sources(tmp_path, store):
    make_video(tmp_path / "b.mp4", SCENES)
    make_video(tmp_path / "c.mp4", SCENES[:1])
    (tmp_path / "notes.txt").write_text("what the clips show")
    assert take([tmp_path], store).added == 3
    assert [len(wholes(store, tmp_path / name)) for name in ("b.mp4", "c.mp4")] == [3, 1]


def test_a_video_is_stored_whole_or_not_at_all(tmp_path, store, monkeypatch):
    make_video(tmp_path / "good.mp4", SCENES)
    torn = str(make_video(tmp_path / "torn.mp4", SCENES[:2]))
    real = intake.parse_file

    def parse(file, config, **more):
        document = real(file, config, **more)
        return replace(document, pieces=break_off(document.pieces)) if file.path == torn else document

    def break_off(pieces):
        yield next(pieces)
        pieces.close()
        raise BadFile(f"{torn} is damaged")

    monkeypatch.setattr(intake, "parse_file", parse)
    report = take([tmp_path], store)
    assert (report.added, report.failed) == (1, ((torn, f"{torn} is damaged"),))
    assert store.source_at(torn) is None


def test_a_video_is_not_read_again_where_nothing_changed_and_a_copy_is_a_place(tmp_path, store):
    path = make_video(tmp_path / "clip.mp4", SCENES)
    take([path], store)
    assert take([path], store).unchanged == 1
    (tmp_path / "copy.mp4").write_bytes(path.read_bytes())
    assert take([tmp_path], store).copies == 1


def part(label, score, at_ms):
    return Region(source=CLIP, kind="part", box_px=(0, 0, 9, 9), labels=(Label(name=label, score=score),), at_ms=at_ms)


def whole(at_ms):
    return Region(source=CLIP, kind="whole", box_px=(0, 0, 96, 64), at_ms=at_ms)


def test_of_what_is_seen_all_the_time_the_surest_places_are_kept():
    space = SlowSpace()
    moments = [
        (whole(n * 1000), part("dog", 0.5 + n / 100, n * 1000), part(f"thing {n}", 0.5, n * 1000)) for n in range(5)
    ]
    seen = [(regions, space.embed_texts(["red", "green", "blue"])) for regions in moments]
    regions, vectors_RD = join_moments(seen)
    assert [region.at_ms for region in regions if region.label == "dog"] == [2000, 3000, 4000]
    assert (
        sum(region.kind == "whole" for region in regions)
        == sum(region.label.startswith("thing") for region in regions)
        == 5
    )
    assert len(vectors_RD) == len(regions) == 13
    assert join_moments(seen[:1]) == seen[0]


def test_one_moment_is_spoken_of_with_what_holds_for_the_whole_file():
    note = Region(source=CLIP, kind="note", box_px=(0, 0, 96, 64), text="Anna jumps")
    regions = [whole(0), whole(2000), part("dog", 0.9, 0), part("cat", 0.9, 2000), note]
    assert nearest_moment(regions, [0.1, 0.3, 0.9, 0.2, 0.8]) == 2000
    assert at_moment(regions, 2000) == (whole(2000), part("cat", 0.9, 2000), note)
    photo = [Region(source=Source(path="/a/b.jpg", format="jpeg"), kind="whole", box_px=(0, 0, 9, 9))]
    assert at_moment(photo, 2000) == tuple(photo)
