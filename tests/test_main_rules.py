"""`rules`: what it prints, for people and machines, and the exit codes that scripts lean on."""

import json

import pytest
from rules_help import fill
from test_main_index import Shop, assemble

from deepseek_mm.config import Config

WARN = 'near(cup, laptop) -> warn "careful"\n'
NOTE = 'exist(cup) and not exist(laptop) -> note "no laptop"\n'


class Office(Shop):
    """A shop with photos that have boxes, and a file of rules."""

    def rules(self, text: str, *words: str) -> int:
        (self.folder / "mine.txt").write_text(text)
        return self("rules", "mine.txt", *words)

    def lines(self) -> list[dict]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def office(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    office = Office(tmp_path)
    assistant = assemble(Config(data=tmp_path / "library"), office.space)
    fill(assistant, tmp_path / "photos")
    assistant.close()
    return office


def test_each_photo_is_told_with_its_warnings_and_boxes_then_how_often_each_rule_held(office):
    office.rules(WARN + NOTE)
    photos = office.folder / "photos"
    assert office.out.splitlines() == [
        f"{photos}/desk.png",
        "  warn: careful  (cup 0,100,40,140; laptop 60,90,160,150)",
        f"{photos}/cups.png",
        "  note: no laptop  (cup 0,100,40,140; as far as boxes tell)",
        "4 photos checked",
        "      1  warn: careful  (line 1)",
        "      1  note: no laptop  (line 2)",
    ]
    assert "what has no box may be there all the same" in office.err


def test_what_rests_on_boxes_alone_needs_no_caveat(office):
    office.rules(WARN + NOTE.replace("not exist(laptop)", "exist(laptop)"))
    assert "as far as boxes tell" not in office.out + office.err


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (NOTE, 0),  # holds, but warns of nothing
        ('exist(helmet) -> warn "x"', 0),
        (WARN, 1),
        ("near(cup) -> warn", 2),
        ("# nothing\n", 2),
    ],
)
def test_the_exit_code_says_whether_a_warning_holds(office, rules, code):
    assert office.rules(rules) == code


def test_for_machines_there_is_an_object_a_line_and_the_sums_come_last(office):
    assert office.rules(WARN + NOTE, "--json") == 1
    desk, cups, sums = office.lines()
    assert [held["text"] for held in desk["held"]] == ["careful"]
    assert desk["held"][0]["boxes"][1] == {"label": "laptop", "box_px": [60, 90, 160, 150]}
    assert (cups["path"], cups["held"][0]["by_absence"]) == (str(office.folder / "photos" / "cups.png"), True)
    assert (sums["photos"], [rule["photos"] for rule in sums["rules"]]) == (4, [1, 1])


def test_an_engine_of_an_earlier_version_is_taken_with_a_warning(office):
    office.rules(WARN + NOTE)
    plain = office.out
    office.rules(WARN + NOTE, "--engine", "clingo")
    assert office.out == plain
    assert "--engine has no effect any more" in office.err


def test_a_collection_is_checked_alone_and_an_unknown_one_is_an_error(office):
    assert office.rules(WARN + NOTE, "--collection", "Trip") == 0
    assert "1 photo checked" in office.out
    assert office.rules(WARN, "--collection", "Nope") == 2
    assert "no collection is called 'Nope'. Those there are: Trip" in office.err


def test_a_bad_rule_is_pointed_at_before_anything_is_opened(office):
    assert office.rules(f"{WARN}exist(cup) and fly(cup) -> warn 'x'".replace("'", '"')) == 2
    assert office.err.startswith("deepseek-mm: line 2 of the rules: the rule goes wrong at character 16")
    assert office.err.splitlines()[-1].index("^") - office.err.splitlines()[-2].index("fly") == 0
    assert "opening" not in office.err


def test_without_a_name_the_rules_of_the_library_are_taken(office):
    assert office("rules") == 2
    assert f"no rules at {office.folder}/library/rules.txt" in office.err
    (office.folder / "library" / "rules.txt").write_text("\ufeff" + WARN, encoding="utf-8")  # as some editors begin
    assert office("rules") == 1


def test_an_empty_library_says_how_to_fill_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    empty = Office(tmp_path)
    assert empty.rules(WARN) == 2
    assert "no photos to check. Add some first" in empty.err


def test_a_long_check_says_how_far_it_is(office, monkeypatch):
    monkeypatch.setattr("deepseek_mm.cli.rules.EVERY", 2)
    office.rules(WARN)
    assert "2 photos checked\n4 photos checked" in office.err
