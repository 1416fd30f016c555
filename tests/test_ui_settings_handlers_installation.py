"""What is installed here: for its user with places, for a bug report without anything private."""

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import Parrot
from plan_help import planned_in
from rag_house import build, paint, put

from deepseek_mm.config import LMConfig
from deepseek_mm.lm.backends.served_model import add_stand_in
from deepseek_mm.lm.backends.server_model import open_remote
from deepseek_mm.lm.generator import Silent
from ui.settings_handlers import facts, report, versions
from ui.words import CHINESE, ENGLISH


@pytest.fixture
def house(tmp_path):
    assistant = build(tmp_path / "library", lm=Parrot("A kite [1]."))
    put(assistant, paint(tmp_path / "photos", "grandma.png", "green", "red"))
    yield assistant
    assistant.close()


def test_the_facts_say_where_it_lies_and_how_large_it_is(house):
    told = dict(facts(house, Path("library/config.toml"), ENGLISH))
    assert told["The library lies in"] == str(house.config.data.absolute())
    assert told["Settings file"].endswith("/library/config.toml")
    assert told["Files"] == "1"
    assert told["On disk"].split()[1] in ("kB", "MB")
    assert told["Search model"] == "colours (version of its weights 9a1ee26a)"
    assert len(facts(house, Path("x"), CHINESE)) == len(told)


def test_a_report_names_versions_and_nothing_private(house, tmp_path):
    house.config = replace(house.config, lm=LMConfig(url="http://me:secret@10.0.0.9:8000/v1", name="x"))
    house.lm.name = str(tmp_path / "models" / "kite-7b")
    told = report(house)
    assert "language model: kite-7b on a server" in told
    assert "space: colours, fingerprint 9a1ee26a" in told
    assert "library: 1 files, " in told
    for private in (str(tmp_path), "secret", "10.0.0.9", "grandma", "OPENAI"):
        assert private not in told


def test_versions_start_with_our_own_and_tell_a_missing_package(monkeypatch):
    assert versions("1.2")[0] == "DeepSeek-MM 1.2"
    assert versions("1.2")[2].startswith("torch ")
    monkeypatch.setattr("ui.settings_handlers.PACKAGES", ("no-such-package",))
    assert versions("1.2")[-1] == "no-such-package ?"


def test_facts_and_report_tell_the_plan_and_its_reason(house, tmp_path):
    assert "plan: none" in report(house)
    house.planned = planned_in(tmp_path / "engines")
    assert "balanced: pictures torch" in dict(facts(house, Path("x"), ENGLISH))[ENGLISH.set_plan]
    assert "A processor alone, with 2 cores" in report(house)


def test_facts_tell_how_each_server_of_the_language_model_stands(house):
    house.lm = add_stand_in(open_remote(LMConfig(url="http://me:secret@10.0.0.9:8000/v1", name="x")), Silent)
    told = dict(facts(house, Path("x"), ENGLISH))
    assert told["Its server http://10.0.0.9:8000/v1"] == "works, 0 under way, 0 failed"
