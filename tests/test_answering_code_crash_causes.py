"""The likely cause of an error is told in the failing line's own names."""

import pytest

from deepseek_mm.answering.code.crash_causes import CAUSES, explain_crash, find_blamed, read_site

CASES = [
    ("IndexError: list index out of range", "for alarm in alarms(readings[-1]):", "`readings` is empty", "readings"),
    ("IndexError: list index out of range", "x = rows[n + 1]", "`rows` has fewer entries than `n + 1`", "rows"),
    ("IndexError: pop from empty list", "x = queue.pop()", "`pop` was called on a list that is empty", ""),
    ("KeyError: 'name'", "return person['name']", "`person` has no entry `'name'`", "person"),
    ("AttributeError: 'NoneType' object has no attribute 'group'", "x = match.group(1)", "`match` is None", "match"),
    ("AttributeError: 'str' object has no attribute 'append'", "x.append(1)", "`x` is of the type `str`", "x"),
    ("TypeError: 'NoneType' object is not subscriptable", "x = found[0]", "`found` is None there", ""),
    ("TypeError: can only concatenate str (not \"int\") to str", "'a' + 1", "types that do not fit", ""),
    ("TypeError: f() missing 1 required positional argument: 'b'", "f(1)", "leaves out what the function needs", ""),
    ("ValueError: invalid literal for int() with base 10: 'x7'", "n = int(text)", "the text `'x7'` is no number", ""),
    ("ZeroDivisionError: division by zero", "return total / len(rows)", "`len(rows)` is 0 there: `rows` is empty", ""),
    ("ZeroDivisionError: division by zero", "return a / b", "`b` is 0 there", "b"),
    ("NameError: name 'lenght' is not defined", "x = lenght(v)", "`lenght` is not defined there", ""),
    ("UnboundLocalError: cannot access local variable 'x'", "return x", "`x` is read before", ""),
    ("ModuleNotFoundError: No module named 'yaml'", "import yaml", "`yaml` is not there", ""),
    ("json.decoder.JSONDecodeError: Expecting value", "x = json.loads(text)", "the text is no JSON", ""),
]  # fmt: skip


@pytest.mark.parametrize(("said", "line", "told", "blamed"), CASES)
def test_the_cause_is_told_with_the_names_of_the_line(said, line, told, blamed):
    site = read_site(said, line)
    assert told in explain_crash(site)
    assert find_blamed(site) == blamed


LINES = ("", "if x[0]:", "elif x[0] > 1:", "except x[0] as error:", "with x[0] as y:", "x[0],", ")))", "x = [")


@pytest.mark.parametrize("error", sorted(CAUSES))
def test_no_line_is_too_strange(error):
    told = [explain_crash(read_site(f"{error}: something", line)) for line in LINES]
    assert all(not each.endswith(".") for each in told)


def test_of_an_unknown_error_nothing_is_said():
    assert explain_crash(read_site("StrangeError: x", "x = 1")) == ""
