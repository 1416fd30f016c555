"""Which settings leave the machine."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
from sharing_help import SETTINGS

from deepseek_mm.config import Config, LMConfig
from deepseek_mm.sharing.privacy import ALLOWED, allowed_settings


def test_only_what_shaped_the_answer_leaves_the_machine():
    assert allowed_settings(SETTINGS) == {
        "encoder": {"name": "clip"},
        "rag": {"num_regions": 6, "min_score": 0.15},
        "lm": {"name": "smollm2", "sees": False},
    }


def test_of_a_whole_config_neither_address_nor_key_nor_folder_is_told():
    lm = LMConfig(url="http://alice:secret@host/v1", api_key_env="ALICE_KEY", name="/home/alice/model")
    told = allowed_settings(asdict(replace(Config(data=Path("/home/alice/library")), lm=lm)))
    assert told["lm"]["name"] == "model"
    seeing = allowed_settings(asdict(replace(Config(), lm=LMConfig(vlm="/home/alice/eyes"))))
    assert seeing["lm"]["vlm"] == "eyes"
    assert not [word for word in ("alice", "ALICE", "secret", "http") if word in str(told)]


def test_every_allowed_setting_is_one_that_exists():
    whole = asdict(Config())
    assert {part: names for part, names in ALLOWED.items() if set(names) - set(whole[part])} == {}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("default", "default"),
        ("google/siglip", "google/siglip"),
        ("/home/alice/clip", "clip"),
        ("~/clip", "clip"),
        ("./models/clip", "clip"),
        ("C:\\models\\clip", "clip"),
    ],
)
def test_a_model_that_is_named_by_its_folder_is_told_by_its_last_part(name, told):
    assert allowed_settings({"encoder": {"name": name}}) == {"encoder": {"name": told}}


def test_settings_of_another_shape_are_left_out():
    assert allowed_settings({"rag": [1, 2], "lm": {"name": {"deep": "secret"}}, "see": 3}) == {}
