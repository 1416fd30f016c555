"""What calls give in the sandbox's program, and the test file of it; programs run as the sandbox would run them."""

import subprocess
import sys

import pytest

from deepseek_mm.answering.drafts.test_file import ValueCheck, read_results, write_file, write_imports, write_test
from deepseek_mm.answering.drafts.test_writer import pack_task, read_program, read_told
from deepseek_mm.answering.drafts.trial_calls import CallForm, CallTarget, Parameter, Trial
from deepseek_mm.answering.drafts.values import Value

FILES = {
    "shop/money.py": """import time, datetime, asyncio
class Refused(Exception): pass
class Till:
    def __init__(self, start=0): self.total, self._notes = start, []
    def put(self, coins):
        self.total += sum(coins)
        coins.clear()
def half(x):
    if x < 0: raise Refused(f"{x} is negative")
    if x == 9: raise SystemExit
    if x == 8: time.sleep(9)
    if x == 7: return object()
    if x == 6: return (n for n in [1, 2])
    if x == 5: return datetime.date.today().isoformat()
    if x == 4.5:
        print("noise")
        return None
    return x / 2
def near(x):
    if x == 7:
        return "seven"
    return x > 10
async def later(x): return x + 1
def count():
    while True: yield 1
def flip(x): return -x
def adder(n): return lambda x: x + n
""",
    "shop/rude.py": 'raise SystemExit("no")\n',
}
HALF = CallTarget("half")


def run(folder, task, *, program=None, **told):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(program or read_program())
    (folder / "input.txt").write_text(pack_task(task, FILES, **{"module": "shop.money", "name": "half"} | told))
    done = subprocess.run([sys.executable, "main.py"], cwd=folder, capture_output=True, text=True, check=False)
    return read_told(done.stdout) or done.stderr


def see(folder, target, *tried, **told):
    rows = [one.as_row() for one in tried]
    heard = run(folder, "see", name=target.import_name, rows=rows, **told)
    return read_results(heard, [(target, one) for one in tried])


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Number -> what half of it gave, here and elsewhere."""
    tried = [Trial(f"half({n})", "call") for n in (4, -1, 9, 8, 7, 6, 5, 4.5)]
    folder = tmp_path_factory.mktemp("see")
    both = [see(folder / str(away), HALF, *tried, elsewhere=away, seconds=0.2) for away in (False, True)]
    return [{one.trial.call: one for one in results} for results in both]


def test_a_value_an_error_and_an_exit_are_told_apart(seen):
    here, _ = seen
    assert here["half(4)"].checks == (ValueCheck(subject="result", view="value", words="2.0", near=True),)
    refused = here["half(-1)"]
    assert (refused.kind, refused.error, refused.module, refused.words, refused.stated) == (
        "raises",
        "Refused",
        "shop.money",
        "-1 is negative",
        True,
    )
    assert here["half(9)"].kind == "exits"


def test_a_call_that_takes_too_long_is_given_up(seen):
    assert seen[0]["half(8)"].kind == "slow"
    assert not seen[0]["half(8)"].stands


def test_of_what_has_no_words_only_the_type_is_known(seen):
    assert [(check.view, check.words) for check in seen[0]["half(7)"].checks] == [("type", "'object'")]
    assert seen[0]["half(7)"].only_type


def test_an_iterator_is_read_to_its_end_and_an_endless_one_as_far_as_is_useful(seen, tmp_path):
    assert (seen[0]["half(6)"].wrap, seen[0]["half(6)"].checks[0].words) == ("list({})", "[1, 2]")
    (endless,) = see(tmp_path, CallTarget("count"), Trial("count()", "guess"))
    assert endless.wrap == "list(itertools.islice({}, 20))"
    assert endless.checks[0].words == repr([1] * 20)


def test_what_depends_on_the_day_is_different_elsewhere(seen):
    here, elsewhere = seen
    assert here["half(5)"].key != elsewhere["half(5)"].key
    assert all(here[call].key == elsewhere[call].key for call in ("half(4)", "half(-1)", "half(6)"))


def test_what_is_printed_is_asserted_where_nothing_is_returned(seen, tmp_path):
    printed = seen[0]["half(4.5)"]
    assert [(check.subject, check.words) for check in printed.checks] == [("printed", "'noise\\n'")]
    text = write_file("shop.money", [printed], "half", "money.py:8")
    assert "def test_half_1(capsys):" in text
    assert run(tmp_path, "prove", test=text)["variants"] == [{"failed": [], "ran": 1}]


def test_an_object_and_an_argument_are_looked_at_after_the_call(tmp_path):
    form = CallForm(
        "{self}.put",
        (Parameter("till", (Value("Till(2)"),), is_self=True), Parameter("coins", (Value("[3, 1]"),))),
    )
    target = CallTarget("put", "Till", made=True)
    (put,) = see(tmp_path / "see", target, form.make_trial([0, 0]))
    assert {(check.subject, check.view, check.words) for check in put.checks} == {
        ("result", "value", "None"),
        ("till", "total", "6"),
        ("coins", "value", "[]"),
    }
    text = write_file("shop.money", [put], "Till.put", "money.py:5")
    assert "    till = Till(2)\n    coins = [3, 1]\n    result = till.put(coins)\n" in text
    assert "    assert till.total == 6" in text
    assert run(tmp_path / "prove", "prove", test=text)["variants"] == [{"failed": [], "ran": 1}]


def test_a_function_that_is_given_back_is_called(tmp_path):
    (adder,) = see(tmp_path / "see", CallTarget("adder"), Trial("adder(2)", "guess"))
    assert ("call 3", "5") in [(check.view, check.words) for check in adder.checks]
    text = write_file("shop.money", [adder], "adder", "money.py")
    assert "    assert adder(2)(3) == 5" in text
    assert run(tmp_path / "prove", "prove", test=text)["variants"] == [{"failed": [], "ran": 1}]


def test_an_asynchronous_function_is_waited_for(tmp_path):
    (later,) = see(tmp_path / "see", CallTarget("later"), Trial("later(1)", "guess"))
    text = write_file("shop.money", [later], "later", "money.py")
    assert "assert asyncio.run(later(1)) == 2" in text
    assert run(tmp_path / "prove", "prove", test=text)["variants"] == [{"failed": [], "ran": 1}]


def test_a_module_that_cannot_be_imported_tells_its_trouble(tmp_path):
    told = run(tmp_path / "a", "see", rows=[], module="shop.nowhere")
    assert told == {"trouble": "ModuleNotFoundError: No module named 'shop.nowhere'", "seen": []}
    assert run(tmp_path / "b", "see", rows=[], module="shop.rude")["trouble"] == "SystemExit: no"


@pytest.mark.parametrize("installed", [True, False])
def test_the_file_passes_what_was_seen_and_fails_what_was_not(seen, tmp_path, installed):
    here = seen[0]
    text = write_file("shop.money", [here["half(4)"], here["half(-1)"], here["half(6)"]], "half", "money.py:3-11")
    program = read_program() if installed else "import sys\nsys.modules['pytest'] = None\n" + read_program()
    wrong = text.replace("approx(2.0)", "approx(2.1)").replace("-1 is negative", "-2 is negative")
    right = run(tmp_path / "right", "prove", program=program, test=text)
    assert right["variants"] == [{"failed": [], "ran": 3}]
    told = run(tmp_path / "wrong", "prove", program=program, test=wrong)
    assert told["variants"] == [{"failed": ["test_half_1", "test_half_2"], "ran": 3}]


def test_the_same_tests_run_over_each_variant_of_the_files_alone(tmp_path):
    text = "from shop.money import flip\n\ndef test_it():\n    assert flip(2) == -2\n"
    fault = FILES["shop/money.py"].replace("return -x", "return +x")
    broken = FILES["shop/money.py"].replace("return -x", "return (")
    told = run(tmp_path, "prove", test=text, variants=[{}, {"shop/money.py": fault}, {}, {"shop/money.py": broken}, {}])
    green, red = {"failed": [], "ran": 1}, {"failed": ["test_it"], "ran": 1}
    assert told["variants"][:3] + told["variants"][4:] == [green, red, green, green]
    assert told["variants"][3]["trouble"].startswith("SyntaxError")


def test_a_search_finds_the_values_that_reach_other_lines(tmp_path):
    values = tuple(Value(text) for text in ("3", "'abc'", "[1]", "7", "11"))
    form = CallForm("near", (Parameter("x", values),)).as_row()
    told = run(tmp_path, "explore", name="near", form=form, written=[], lines=[19, 22], budget=3, search=True)
    found = {row["combo"][0]: row for row in told["seen"] if row["kind"] == "value"}
    assert set(found) == {0, 3, 4}  # 11 gives another value though it reaches no other line
    assert [20, 21] in found[3]["arcs"]
    assert [20, 21] not in found[0]["arcs"]


def test_the_file_says_where_each_call_is_from_and_imports_what_it_needs(seen):
    here = seen[0]
    text = write_file("shop.money", [here["half(4)"], here["half(-1)"]], "half", "money.py:3-11")
    assert "from shop.money import Refused\nfrom shop.money import half" in text
    assert "import re\n\nimport pytest\n" in text
    assert "def test_half_1():  # as other code calls it" in text
    assert write_imports("shop.money", [here["half(6)"]], "") == ["from shop.money import half"]


def test_a_docstring_that_is_contradicted_is_told_beside_the_test():
    row = {"kind": "value", "checks": [{"subject": "result", "view": "value", "words": "1.5"}]}
    (one,) = read_results({"seen": [row]}, [(HALF, Trial("half(3)", "docstring", "1"))])
    assert write_test(1, one).startswith("def test_half_1():  # as its docstring shows it, which says 1\n")
    (same,) = read_results({"seen": [row]}, [(HALF, Trial("half(3)", "docstring", "1.50"))])
    assert write_test(1, same).startswith("def test_half_1():  # as its docstring shows it\n")


def test_a_guess_of_the_wrong_type_makes_no_test_but_one_that_is_refused_does():
    row = {"kind": "raises", "error": "TypeError", "module": "builtins", "words": "no"}
    tried = [(HALF, Trial("half('a')", "guess")), (HALF, Trial("half('a')", "call")), (HALF, Trial("half()", "guess"))]
    guess, call, refused = read_results({"seen": [row, row, row | {"stated": True}]}, tried)
    assert (guess.stands, call.stands, refused.stands) == (False, True, True)


def test_a_program_that_says_nothing_or_nonsense_told_nothing():
    assert read_told("hello") is None
    assert read_told("deepseek-mm-seen:{") is None
    assert read_told("deepseek-mm-seen:[1]") is None
