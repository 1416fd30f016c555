"""Photos of people and of nobody: windows and boxes by hand, maps against the tower."""

import json

import numpy as np
import pytest
import torch
from fakes import picture
from torch import nn

from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.pointing_game import BoxRow
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.training.person_boxes import find_pictures, is_for_testing
from deepseek_mm.training.person_photos import (
    MAPS,
    BoxedPhoto,
    CropWindow,
    choose_window,
    gather_photos,
    prepare_box_features,
    recolour,
    speaks_of_people,
)

BOX = (0.2, 0.4, 0.6, 0.8)


class ToyTower(nn.Module):
    """Maps of the right shapes that hold the picture's mean red."""

    def lower(self, pixels: torch.Tensor) -> torch.Tensor:
        return pixels[:, :1].mean(dim=(2, 3), keepdim=True).expand(-1, 120, 17, 17)

    def upper(self, middle: torch.Tensor) -> torch.Tensor:
        return middle[:, :1, :1, :1].expand(-1, 1280, 9, 9)


def test_a_mirrored_window_mirrors_the_boxes_and_the_picture():
    window = CropWindow(mirrored=True)
    np.testing.assert_allclose(window.crop_boxes([BOX]), [(0.4, 0.4, 0.8, 0.8)])
    left_red = picture("blue", size=(40, 20))
    left_red.paste((220, 30, 30), (0, 0, 20, 20))
    assert window.crop_image(left_red).getpixel((250, 130))[0] > 200


def test_a_box_is_told_in_shares_of_the_crop_and_dropped_when_too_little_remains():
    np.testing.assert_allclose(CropWindow(box=(0.2, 0.4, 1.0, 1.0)).crop_boxes([BOX]), [(0, 0, 0.5, 2 / 3)], atol=1e-9)
    assert CropWindow(box=(0.5, 0.4, 1.0, 1.0)).crop_boxes([BOX]) == ()  # a quarter of it is left
    assert CropWindow(box=(0.7, 0.0, 1.0, 1.0)).crop_boxes([BOX]) == ()


def test_views_are_the_photo_its_mirror_image_and_crops_that_depend_on_photo_and_view_only():
    assert (choose_window(0, 7, [BOX]), choose_window(1, 7, [BOX])) == (CropWindow(), CropWindow(mirrored=True))
    assert choose_window(2, 7, [BOX]) == choose_window(2, 7, [BOX]) != choose_window(2, 8, [BOX])
    assert all(choose_window(2, n, [BOX]).crop_boxes([BOX]) for n in range(50))


@pytest.mark.parametrize(
    ("caption", "expected"),
    [("Two dogs run .", True), ("A dog jumps over a log .", False), ("The boy's kite", True), ("A manly bull", False)],
)
def test_a_caption_speaks_of_people_by_their_names_or_by_what_gives_them_away(caption, expected):
    assert speaks_of_people(caption) == expected


def test_photos_with_boxes_come_first_then_those_whose_captions_name_nobody(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        picture().save(tmp_path / name)
    rows = [BoxRow(image="a.png", boxes=(BOX,))]
    captioned = [
        CaptionRow(image="b.png", captions=("a dog", "a brown dog")),
        CaptionRow(image="c.png", captions=("a dog", "a dog and a man")),
    ]
    photos = gather_photos(rows, tmp_path, captioned, tmp_path)
    assert photos == [BoxedPhoto(path=tmp_path / "a.png", boxes=(BOX,)), BoxedPhoto(path=tmp_path / "b.png")]


def test_maps_are_made_once_and_read_back_in_the_order_of_the_photos(tmp_path):
    for colour in ("red", "black"):
        picture(colour).save(tmp_path / f"{colour}.png")
    photos = [BoxedPhoto(path=tmp_path / "red.png", boxes=(BOX,)), BoxedPhoto(path=tmp_path / "black.png")]
    seen = prepare_box_features(ToyTower(), photos, tmp_path / "maps", num_views=2)
    middle, packaged = seen.batch([1, 0], [0, 1])
    assert middle.shape == (2, 120, 17, 17)
    assert packaged.shape == (2, 1280, 9, 9)
    np.testing.assert_allclose(packaged[:, 0, 0, 0], [(10 - 127) / 128, (220 - 127) / 128], atol=1e-2)
    np.testing.assert_allclose(seen.boxes[1][0], [(0.4, 0.4, 0.8, 0.8)])
    assert seen.boxes[0][1] == ()
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "maps").iterdir()}
    prepare_box_features(None, photos, tmp_path / "maps", num_views=2)
    assert len(stamps) == 2 * len(MAPS)
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_colours_change_by_the_number_only():
    image = picture("orange")
    assert recolour(image, 3).tobytes() == recolour(image, 3).tobytes() != recolour(image, 4).tobytes()


def test_a_file_of_questions_gives_the_photos_that_no_question_puts_a_person_into(tmp_path):
    rows = [
        {"image": "room1.png", "question": "what is on the table ?", "answer": ["lamp"]},
        {"image": "room2.png", "question": "who sits here ?", "answer": ["man"]},
        *({"image": f"room{n}.png", "question": "what is this ?", "answer": ["desk"]} for n in range(3, 30)),
    ]
    (tmp_path / "qa.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = [path.name for path in find_pictures(tmp_path / "qa.jsonl")]
    assert "room2.png" not in found
    assert found == sorted(row["image"] for row in rows if row["image"] in found)
    assert set(found) == {r["image"] for r in rows if r["image"] != "room2.png" and not is_for_testing(r["image"])}


def test_a_folder_gives_its_pictures_by_name_and_an_empty_one_says_what_to_do(tmp_path):
    (tmp_path / "b.JPG").touch()
    (tmp_path / "a.png").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in find_pictures(tmp_path)] == ["a.png", "b.JPG"]
    with pytest.raises(NothingThere, match="--empty"):
        find_pictures(tmp_path / "nowhere")
