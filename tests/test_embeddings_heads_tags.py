"""Everyday names for ImageNet's classes, against photos and sums that anyone can check."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import ImageNetInfo
from torch import nn

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.heads import ImageNetTagger, LabelGroup, read_groups
from deepseek_mm.errors import ConfigError

PHOTOS = Path(__file__).parent.parent / "examples" / "photos"


def test_every_name_stands_once_and_every_class_exists():
    groups = read_groups()
    names = [group.name for group in groups]
    assert len(names) > 250
    assert len(set(names)) == len(names)
    assert all(0 <= number < 1000 for group in groups for number in group.classes)


@pytest.mark.parametrize(
    ("name", "descriptions"),
    [("panda", ["giant panda"]), ("banana", ["banana"]), ("umbrella", ["umbrella"]), ("tiger", ["tiger"])],
)
def test_the_numbers_are_those_of_imagenet(name, descriptions):
    (group,) = [group for group in read_groups() if group.name == name]
    found = [ImageNetInfo().index_to_description(number).split(",")[0] for number in group.classes]
    assert found == descriptions


def test_a_line_of_another_shape_is_refused_with_its_number(tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("# animals\ndog: 1-3, 7\ncat: tabby\n")
    with pytest.raises(ConfigError, match=r"line 3: 'cat: tabby' is not `name: 1, 5-7`"):
        read_groups(file)
    file.write_text("# animals\ndog: 1-3, 7\n\n")
    assert read_groups(file) == (LabelGroup("dog", (1, 2, 3, 7)),)


@pytest.fixture
def namer() -> ImageNetTagger:
    """Two channels, four classes."""
    classifier = nn.Linear(2, 4, bias=False)
    with torch.no_grad():
        classifier.weight.copy_(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]) * 20)
    groups = (LabelGroup("pet", (0, 1, 2)), LabelGroup("dog", (0, 1)), LabelGroup("fish", (2,)))
    return ImageNetTagger(classifier, groups)


def test_a_name_is_as_likely_as_its_classes_together_and_the_narrow_name_leads(namer):
    feature_map = torch.zeros(1, 2, 3, 3)
    feature_map[0, 0] = 1.0  # speaks for classes 0 and 1 alike
    (tags,) = namer(feature_map)
    assert [tag.name for tag in tags] == ["dog", "pet"]
    assert tags[0].score == pytest.approx(1.0, abs=1e-3)


def test_heat_is_where_the_class_is_and_an_unlikely_name_is_not_told(namer):
    feature_map = torch.zeros(1, 2, 3, 3)
    feature_map[0, 1, 2, 0] = 9.0  # one corner speaks for class 2
    (tags,) = namer(feature_map)
    assert {tag.name for tag in tags} == {"fish", "pet"}
    assert np.unravel_index(tags[0].heat_HW.argmax(), (3, 3)) == (2, 0)
    assert (tags[0].heat_HW > 0).sum() == 1


@pytest.mark.parametrize(
    ("photo", "name"), [("cat.jpg", "cat"), ("panda.jpg", "panda"), ("shop-bananas.jpg", "banana")]
)
def test_the_shipped_tower_names_what_anyone_would(photo, name):
    with Image.open(PHOTOS / photo) as image:
        (look,) = DefaultSpace().look_many([image.convert("RGB")])
    assert name in [tag.name for tag in look.tags]
