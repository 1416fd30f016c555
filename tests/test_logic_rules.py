"""A user's rules: which hold in a picture, on what they rest, and where a line goes wrong."""

import pytest

from deepseek_mm.errors import BadProgram, NothingThere
from deepseek_mm.logic.programs import Scene, SceneItem
from deepseek_mm.logic.rules import MAX_CHARS, MAX_RULES, read_rules, rules_of, watch


def item(number, name, box, chance=1.0):
    return SceneItem(number=number, names=(name,), box=box, chance=chance)


DESK = Scene(
    items=(
        item(1, "cup", (0.0, 0.4, 0.1, 0.5)),
        item(2, "laptop", (0.15, 0.3, 0.5, 0.6)),
        item(3, "cup", (0.9, 0.1, 1.0, 0.2)),
        item(4, "dog", (0.5, 0.5, 0.9, 0.9), 0.2),
    )
)


@pytest.mark.parametrize(
    ("line", "numbers"),
    [
        ('near(cup, laptop) -> warn "careful"', (1, 2)),
        ("left_of(cup, laptop) and count(cup) >= 2 -> note 'no'".replace("'", '"'), (1, 2, 3)),
        ('exist(cup) and not exist(helmet) -> warn "x"', (1,)),
        ('not near(cup, "washing machine") -> note "x"', ()),
        ('count(cup) = 2 -> note "x"', (1, 3)),
        ('count(helmet) < 1 -> note "x"', ()),
    ],
)
def test_a_rule_that_holds_names_what_it_rests_on(line, numbers):
    (warned,) = watch(rules_of([line]), DESK)
    assert warned.numbers == numbers


@pytest.mark.parametrize(
    "line",
    [
        'near(laptop, dog) -> warn "not likely enough"',
        'right_of(laptop, dog) -> warn "x"',
        'exist(cup) and exist(helmet) -> warn "x"',
        'count(cup) > 2 -> note "x"',
        'not exist(cup) -> note "x"',
    ],
)
def test_a_rule_that_does_not_hold_says_nothing(line):
    assert watch(rules_of([line]), DESK) == []


def test_a_thing_is_not_near_itself():
    assert watch(rules_of(['near(laptop, laptop) -> warn "x"']), DESK) == []
    assert watch(rules_of(['left_of(cup, cup) -> note "two cups"']), DESK)[0].numbers == (1, 3)


def test_comments_and_empty_lines_are_no_rules_and_order_is_kept(tmp_path):
    file = tmp_path / "rules.txt"
    file.write_text('# for people\n\nexist(cup) -> note "one"\n  exist(laptop) -> warn "two"  \n')
    rules = read_rules(file)
    assert [(rule.line, rule.kind, rule.text) for rule in rules] == [(3, "note", "one"), (4, "warn", "two")]
    assert [warned.rule.text for warned in watch(rules, DESK)] == ["one", "two"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("near(cup, laptop)", "a rule is CONDITION"),
        ('near(cup, laptop) -> shout "x"', "a rule is CONDITION"),
        ('near(cup) -> warn "x"', r"near is written near\(cup, laptop\)"),
        ('exist(cup, dog) -> warn "x"', r"exist is written exist\(cup\)"),
        ('count(cup) -> warn "x"', r"count is written count\(cup\) > 2"),
        ('exist(cup) and fly(cup) -> warn "x"', "character 16: there is no 'fly'. There are exist, count, left_of"),
        ('exist(cup -> warn "x"', "a condition is exist"),
    ],
)
def test_a_line_that_is_no_rule_is_named_with_its_place(line, why):
    with pytest.raises(BadProgram, match=f"(?s)line 2 of the rules: .*{why}"):
        rules_of(["# first", line])


@pytest.mark.parametrize(
    ("condition", "by_absence"),
    [
        ("exist(cup)", False),
        ("not exist(cup)", True),
        ("near(cup, laptop)", False),
        ("not near(cup, laptop)", True),
        ("count(cup) > 1", False),
        ("not count(cup) >= 1", True),
        ("count(cup) < 3", True),
        ("not count(cup) <= 3", False),
        ("count(cup) = 2", True),
        ("not count(cup) = 2", True),
        ("exist(laptop) and not exist(cup)", True),
    ],
)
def test_a_rule_that_one_more_box_could_end_holds_as_far_as_boxes_tell(condition, by_absence):
    (rule,) = rules_of([f'{condition} -> note "x"'])
    assert rule.by_absence is by_absence


def test_an_and_in_quotes_is_a_word_of_a_name():
    (rule,) = rules_of(['exist("salt and pepper") and exist(cup) -> note "salt and pepper"'])
    assert [condition.one for condition in rule.conditions] == ["salt and pepper", "cup"]


def test_a_file_out_of_bounds_is_refused():
    with pytest.raises(BadProgram, match=r"line 1 of the rules: it has 2,\d+ characters, and 2,000 are allowed"):
        rules_of([f'exist(cup) -> note "{"x" * MAX_CHARS}"'])
    rules = ['exist(cup) -> note "x"'] * MAX_RULES
    assert len(rules_of(rules)) == MAX_RULES
    with pytest.raises(BadProgram, match="there are 501 rules, and 500 are checked at once"):
        rules_of([*rules, *rules[:1]])


def test_an_absent_file_says_how_to_write_one(tmp_path):
    with pytest.raises(NothingThere, match="Write one a line"):
        read_rules(tmp_path / "none.txt")
