"""Targets and losses by hand, a head that learns to point at a bright cell, and the command."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import COLOURS, picture
from safetensors import safe_open
from torch import nn

from deepseek_mm.embeddings.heads import BoxHead, load_box_head
from deepseek_mm.embeddings.towers import fingerprint, image_tower_file
from deepseek_mm.errors import ConfigError, NothingThere
from deepseek_mm.evaluation.pointing_game import BoxRow
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.training.feature_maps import to_bf16_bits
from deepseek_mm.training.loop import read_log
from deepseek_mm.training.person_boxes import (
    BoxConfig,
    BoxedPhoto,
    BoxFeatures,
    CropWindow,
    add_arguments,
    choose_window,
    compute_box_loss,
    compute_empty_loss,
    compute_giou,
    find_empty_photos,
    fit_person_curve,
    gather_photos,
    make_box_target,
    prepare_box_features,
    recolour,
    run,
    speaks_of_people,
    split_by_people,
    train_boxes,
)
from deepseek_mm.training.question_albums import DAQUAR_DEV, hash_name

pytestmark = pytest.mark.lab

EVERYWHERE = (0.0, 0.0, 1.0, 1.0)


def test_the_middle_of_a_box_is_half_its_sides_and_the_smallest_box_wins_a_cell():
    target = make_box_target([[EVERYWHERE, (0.0, 0.0, 4 / 17, 4 / 17)]])
    assert target.inside_BMM.sum() == 17 * 17
    assert target.middle_BMM[0, 8, 8] == target.middle_BMM[0, 1, 1] == 1
    assert target.middle_BMM[0, 0, 16] == 0
    np.testing.assert_allclose(target.box_BMM4[0, 1, 1], [0, 0, 4 / 17, 4 / 17], atol=1e-6)
    assert target.box_BMM4[0, 10, 10].tolist() == list(EVERYWHERE)


def test_a_box_smaller_than_a_cell_still_has_a_middle():
    target = make_box_target([[(0.5, 0.5, 0.501, 0.501)]])
    assert target.middle_BMM.sum() == 1
    assert target.middle_BMM[0, 8, 8] == 1


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ((0.0, 0.0, 0.5, 0.5), 1.0),
        ((0.0, 0.0, 0.5, 0.25), 0.5),
        ((0.5, 0.5, 1.0, 1.0), -0.5),  # nothing shared, half of the hull empty
        ((0.5, 0.0, 1.0, 0.5), 0.0),  # side by side
    ],
)
def test_generalised_overlap_counts_the_empty_share_of_the_hull_against_boxes_apart(other, expected):
    value = compute_giou(torch.tensor([0.0, 0.0, 0.5, 0.5]), torch.tensor(other))
    assert value.item() == pytest.approx(expected, abs=1e-5)


def test_the_loss_is_small_for_the_right_cell_and_box_and_large_for_another():
    target = make_box_target([[(0.0, 0.0, 2 / 17, 2 / 17)]])
    right, wrong = torch.full((1, 17, 17), -8.0), torch.full((1, 17, 17), -8.0)
    right[target.middle_BMM > 0], wrong[0, 16, 16] = 8.0, 8.0
    boxes = target.box_BMM4.clone()
    assert compute_box_loss(right, boxes, target, unboxed=0.1) < 0.05
    assert compute_box_loss(wrong, boxes, target, unboxed=0.1) > 10
    shifted = compute_box_loss(right, torch.tensor([0.5, 0.5, 1.0, 1.0]).expand(1, 17, 17, 4), target, unboxed=0.1)
    assert shifted > 1


def test_the_less_an_unboxed_place_weighs_the_more_of_the_loss_is_about_the_boxes():
    target = make_box_target([[(6 / 17, 6 / 17, 11 / 17, 11 / 17)]])

    def slopes(unboxed: float) -> tuple[float, float]:
        logit = torch.zeros(1, 17, 17, requires_grad=True)
        compute_box_loss(logit, target.box_BMM4, target, unboxed=unboxed).backward()
        return -logit.grad[0, 8, 8].item(), logit.grad[0, 0, 0].item()

    (pull_at_tenth, push_at_tenth), (pull_at_full, push_at_full) = slopes(0.1), slopes(1.0)
    assert pull_at_tenth > pull_at_full
    assert push_at_tenth < push_at_full
    assert slopes(0.0)[1] == pytest.approx(1 / 289, rel=1e-4)  # the softmax over the cells alone


def test_a_sure_cell_in_a_photo_of_nobody_is_dear():
    calm = torch.full((1, 17, 17), -8.0)
    alarmed = calm.clone()
    alarmed[0, 0, 0] = 5.0
    assert compute_empty_loss(calm) < 0.01 < 0.5 < compute_empty_loss(alarmed)


def lay_out(*maps: np.ndarray) -> np.ndarray:
    """Both maps of each photo in a row."""
    rows = np.concatenate([each.reshape(len(each), -1) for each in maps], axis=1)
    return to_bf16_bits(torch.from_numpy(rows).bfloat16())


def seen_with_a_bright_cell(count: int) -> tuple[list[BoxedPhoto], BoxFeatures]:
    """Photos with a person where the middle map is bright, and as many of nobody."""
    chance = np.random.default_rng(0)
    middle = chance.normal(size=(2 * count, 17, 17, 120)).astype(np.float32)
    packaged = np.zeros((2 * count, 9, 9, 1280), np.float32)
    photos = []
    for n in range(count):
        row, column = chance.integers(2, 15, size=2)
        middle[n, row - 1 : row + 2, column - 1 : column + 2, :20] += 8
        box = ((column - 1) / 17, (row - 1) / 17, (column + 2) / 17, (row + 2) / 17)
        photos.append(BoxedPhoto(path=Path("a"), boxes=(tuple(map(float, box)),)))
    photos += [BoxedPhoto(path=Path("b"))] * count
    seen = BoxFeatures(boxes=(tuple(photo.boxes for photo in photos),), maps=(lay_out(middle, packaged),))
    return photos, seen


def test_a_head_learns_to_point_and_to_tell_people_from_nobody(tmp_path):
    photos, seen = seen_with_a_bright_cell(20)
    torch.manual_seed(0)  # the tests before it in the same process draw, too
    head = BoxHead(dropout=0.0)
    config = BoxConfig(epochs=30, batch=18, nobody=6, views=1, average=0.5)
    train_boxes(head, seen, photos, config, tmp_path)
    losses = [line["loss"] for line in read_log(tmp_path / "log.jsonl")]
    assert len(losses) == 30
    assert losses[-1] < 0.4 * losses[0]
    held = [0, 10]
    hits = 0
    for n, found in zip(held, head.find(*seen.batch(held, [0] * 2)), strict=True):
        left, top, right, bottom = found[0].box
        box = photos[n].boxes[0]
        hits += box[0] <= (left + right) / 2 <= box[2] and box[1] <= (top + bottom) / 2 <= box[3]
    assert hits == 2
    assert head.find(*seen.batch([20, 30], [0] * 2)) == [()] * 2


class Told(BoxHead):
    """Says what it is told, whatever it sees."""

    def __init__(self, logits: list[float]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, middle_BCMM, packaged_BCGG):
        which = middle_BCMM[:, 0, 0, 0].long()
        return self.logits[which][:, None, None].expand(-1, 17, 17), torch.zeros(len(which), 17, 17, 4)


def test_the_curve_makes_a_probability_of_one_half_between_both_kinds():
    photos = [BoxedPhoto(path=Path("a"), boxes=(EVERYWHERE,) if n < 20 else ()) for n in range(40)]
    middle = np.zeros((40, 17, 17, 120), np.float32)
    middle[:, 0, 0, 0] = np.arange(40)
    packaged = np.zeros((40, 9, 9, 1280), np.float32)
    seen = BoxFeatures(boxes=((),), maps=(lay_out(middle, packaged),))
    head = Told([5.0 if n < 20 else 1.0 for n in range(40)])
    fit_person_curve(head, seen, photos)
    slope, offset = head.curve.tolist()
    assert slope > 0
    assert 1 / (1 + np.exp(-(slope * 3 + offset))) == pytest.approx(0.5, abs=0.01)


def test_photos_are_sorted_into_people_and_nobody_and_a_wrong_number_is_refused():
    photos = [BoxedPhoto(path=Path("a")), BoxedPhoto(path=Path("b"), boxes=(EVERYWHERE,))]
    assert split_by_people(photos) == ([1], [0])
    with pytest.raises(ConfigError, match=r"boxes\.epochs=0"):
        BoxConfig(epochs=0)


@pytest.mark.slow
def test_the_command_writes_a_head_for_the_packaged_tower_and_plays_the_game(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    rows = []
    for n, colour in enumerate(COLOURS):
        picture(colour, patch="white").save(tmp_path / f"{n}.png")
        picture(colour).save(tmp_path / "empty" / f"{n}.png")
        split = "dev" if n >= 6 else "train"
        rows.append({"image": f"{n}.png", "person_boxes": [[0, 0, 0.5, 0.5]], "split": split})
    (tmp_path / "boxes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = ["--data", tmp_path / "boxes.jsonl", "--images", tmp_path, "--empty", tmp_path / "empty"]
    words += ["--out", tmp_path / "run", "--weights", tmp_path / "regions.safetensors"]
    args = parser.parse_args([str(word) for word in [*words, "--epochs", 2, "--batch", 2, "--nobody", 2, "--views", 2]])
    assert run(args) == 0
    told = capsys.readouterr().err
    assert "6 photos with people and 8 without" in told
    assert "2 photos" in told
    tower = fingerprint((image_tower_file(),))
    assert load_box_head(tmp_path / "regions.safetensors", tower) is not None
    with safe_open(tmp_path / "regions.safetensors", framework="pt") as opened:
        assert json.loads(opened.metadata()["told"]) == {"tower": tower}
    assert len((tmp_path / "run" / "log.jsonl").read_text().splitlines()) == 6
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "checkpoint.pt",
        "log.jsonl",
        "loss.png",
        "maps",
    ]


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
    assert len(stamps) == 2
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
    found = [path.name for path in find_empty_photos(tmp_path / "qa.jsonl")]
    assert "room2.png" not in found
    assert found == sorted(row["image"] for row in rows if row["image"] in found)
    assert set(found) == {r["image"] for r in rows if r["image"] != "room2.png" and hash_name(r["image"]) % DAQUAR_DEV}


def test_a_folder_gives_its_pictures_by_name_and_an_empty_one_says_what_to_do(tmp_path):
    (tmp_path / "b.JPG").touch()
    (tmp_path / "a.png").touch()
    (tmp_path / "notes.txt").touch()
    assert [path.name for path in find_empty_photos(tmp_path)] == ["a.png", "b.JPG"]
    with pytest.raises(NothingThere, match="--empty"):
        find_empty_photos(tmp_path / "nowhere")
