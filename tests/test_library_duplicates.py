"""Near duplicates: what is one picture in several files, what is not, and what somebody decided about it."""

from datetime import datetime

import numpy as np
import pytest
from library_help import House
from PIL import Image, ImageEnhance

from deepseek_mm.errors import NothingThere
from deepseek_mm.library.duplicates import (
    APART,
    SAME_BITS,
    group_pairs,
    hash_of,
    keep_apart,
    read_apart,
    twins_of,
    worth,
)
from index import Source


def noise(seed: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """Soft blobs of colour, as photos have them: every seed is another picture."""
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Two pictures in three and two files, and one that is alone."""
    home = tmp_path_factory.mktemp("duplicates")
    photos = home / "photos"
    photos.mkdir()
    for seed in (1, 2, 3):
        noise(seed).save(photos / f"{seed}.png")
    noise(1).resize((48, 36)).save(photos / "1-small.png")
    ImageEnhance.Brightness(noise(1)).enhance(1.1).save(photos / "1-bright.png")
    noise(2).save(photos / "2.jpg", quality=60)
    house = House(home / "library")
    house.done(house.library.add([photos]))
    yield house
    house.close()


def names(groups) -> list[list[str]]:
    return [[source.name for source in group.sources] for group in groups]


def test_copies_of_one_picture_are_a_group_and_other_pictures_are_in_none(house):
    assert (house.library.twins(), house.library.last_look_id()) == ([], 0)
    job = house.done(house.library.duplicates())
    assert (job.state, job.message) == ("done", "2 groups of near duplicates, 5 photos in them")
    assert house.library.last_look_id() == job.id
    assert sorted(map(sorted, names(house.library.twins()))) == [
        ["1-bright.png", "1-small.png", "1.png"],
        ["2.jpg", "2.png"],
    ]
    assert all(group.spare_bytes == sum(s.size_bytes for s in group.sources[1:]) for group in house.library.twins())


def test_what_was_taken_out_or_told_apart_is_in_no_group_any_more_and_comes_back_with_undo(house):
    house.done(house.library.duplicates())
    (pair,) = (group for group in house.library.twins() if len(group.sources) == 2)
    taken = house.library.take_out([pair.sources[1].path])
    assert [len(group.sources) for group in house.library.twins()] == [3]
    house.library.put_back(taken.token)
    assert sorted(len(group.sources) for group in house.library.twins()) == [2, 3]
    assert house.library.tell_apart([source.id for source in pair.sources]) == 1
    assert [len(group.sources) for group in house.library.twins()] == [3]
    house.done(house.library.duplicates())  # another look does not bring them back
    assert [len(group.sources) for group in house.library.twins()] == [3]
    (house.config.data / APART).unlink()


def test_one_photo_alone_cannot_be_told_apart(house):
    with pytest.raises(NothingThere, match="1 of these photos are in the library, and two can be told apart"):
        house.library.tell_apart([1, 1, 999])


def test_a_photo_that_cannot_be_read_is_a_failed_item_and_the_rest_is_compared(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png", "c.bmp"):
        noise(7, (96 + len(name), 72) if name == "c.bmp" else (96, 72)).save(photos / name)
    noise(7, (64, 48)).save(photos / "b.png")
    house = House(tmp_path / "library")
    try:
        house.done(house.library.add([photos]))
        (photos / "a.png").unlink()
        job = house.done(house.library.duplicates())
        assert (job.state, job.num_failed) == ("done", 1)
        assert sorted(names(house.library.twins())[0]) == ["b.png", "c.bmp"]
    finally:
        house.close()


@pytest.mark.parametrize("change", ["small", "bright", "grey", "cut"])
def test_a_copy_differs_in_few_bits_and_another_picture_in_many(change):
    image = noise(5, (400, 300))
    copies = {
        "small": image.resize((57, 41)),
        "bright": ImageEnhance.Brightness(image).enhance(1.2),
        "grey": image.convert("L"),
        "cut": image.crop((8, 6, 392, 294)),
    }
    assert (hash_of(image) ^ hash_of(copies[change])).bit_count() <= SAME_BITS
    assert (hash_of(image) ^ hash_of(noise(6))).bit_count() > SAME_BITS


def test_the_hash_of_a_ramp_is_all_ones_and_of_its_mirror_all_zeros():
    ramp = Image.fromarray(np.tile(np.arange(0, 250, 10, dtype=np.uint8), (16, 1)))
    assert hash_of(ramp) == 2**64 - 1
    assert hash_of(ramp.transpose(Image.Transpose.FLIP_LEFT_RIGHT)) == 0


def test_pairs_are_joined_into_groups_however_they_come():
    assert group_pairs([(5, 6), (1, 2), (3, 2), (6, 9)]) == [[1, 2, 3], [5, 6, 9]]
    assert group_pairs([]) == []


def source(number: int, **known) -> Source:
    return Source(id=number, path=f"/p/{number}.jpg", digest=f"{number:064}"[::-1], **known)


def test_the_one_to_keep_is_the_largest_the_oldest_or_the_newest():
    small = source(1, width_px=10, height_px=10, taken_at=datetime(2020, 1, 1), size_bytes=9)
    large = source(2, width_px=20, height_px=20, modified_ns=int(1.7e18))
    plain = source(3, width_px=10, height_px=10, taken_at=datetime(2021, 1, 1), size_bytes=10)
    every = [small, large, plain]
    assert [min(every, key=worth(keep)).id for keep in ("largest", "oldest", "newest")] == [2, 1, 2]
    assert sorted(every, key=worth("largest"))[1].id == 3  # as many pixels: more bytes


def test_pairs_that_were_told_apart_are_kept_once_and_other_lines_are_passed_over(tmp_path):
    one, other, third = (source(n) for n in (1, 2, 3))
    assert keep_apart(tmp_path, [one, other, third]) == 3
    assert keep_apart(tmp_path, [other, one]) == 0
    (tmp_path / APART).write_text((tmp_path / APART).read_text() + "nonsense\n\na b c\n")
    assert len(read_apart(tmp_path)) == 3
    assert read_apart(tmp_path / "nowhere") == frozenset()


def test_a_pair_that_was_told_apart_leaves_the_rest_of_its_group_together(tmp_path):
    class Shelf:
        def sources(self, where, *, limit):
            return [source(n) for n in where.source_ids]

    keep_apart(tmp_path, [source(1), source(2)])
    (group,) = twins_of(Shelf(), [(1, 2), (2, 3)], read_apart(tmp_path), "largest")
    assert [each.id for each in group.sources] == [2, 3]
