"""What probes find out, and the test file that is written of it; programs run as the sandbox would run them."""

import subprocess
import sys

import pytest

from deepseek_mm.answering.skills.code_tests import (
    draft_file,
    file_of,
    imports,
    one_test,
    pack_files,
    probe,
    prove,
    read_result,
    seen_of,
)
from deepseek_mm.answering.skills.code_trials import CallTarget, Trial

FILES = {
    "shop/money.py": """import time, datetime
class Refused(Exception): pass
def half(x):
    print("noise")
    if x < 0: raise Refused(f"{x} is negative")
    if x == 9: raise SystemExit
    if x == 8: time.sleep(9)
    if x == 7: return object()
    if x == 6: return (n for n in [1, 2])
    if x == 5: return datetime.date.today().isoformat()
    return x / 2
"""
}
TARGET = CallTarget("half")


def run(folder, program, **told):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(program)
    (folder / "input.txt").write_text(pack_files(FILES, **{"module": "shop.money", "name": "half"} | told))
    done = subprocess.run([sys.executable, "main.py"], cwd=folder, capture_output=True, text=True, check=False)
    return read_result(done.stdout) or done.stderr


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Number -> what half of it gave, here and elsewhere."""
    tried = [Trial(f"half({n})", "call") for n in (4, -1, 9, 8, 7, 6, 5)]
    folder, both = tmp_path_factory.mktemp("probe"), []
    for elsewhere in (False, True):
        told = run(folder / str(elsewhere), probe(elsewhere), calls=[one.call for one in tried], seconds=0.2)
        both.append({one.trial.call: one for one in seen_of(told, tried)})
    return both


def test_a_value_an_error_and_an_exit_are_told_apart(seen):
    here, _ = seen
    assert (here["half(4)"].kind, here["half(4)"].words, here["half(4)"].is_float) == ("value", "2.0", True)
    refused = here["half(-1)"]
    assert (refused.kind, refused.error, refused.module, refused.words) == (
        "raises",
        "Refused",
        "shop.money",
        "-1 is negative",
    )
    assert here["half(9)"].kind == "exits"


def test_a_call_that_takes_too_long_is_given_up(seen):
    assert seen[0]["half(8)"].kind == "slow"
    assert not seen[0]["half(8)"].stands


def test_an_address_is_nothing_that_a_test_can_say(seen):
    assert not seen[0]["half(7)"].stands


def test_an_iterator_is_read_to_its_end(seen):
    assert (seen[0]["half(6)"].call, seen[0]["half(6)"].words) == ("list(half(6))", "[1, 2]")


def test_what_depends_on_the_day_is_different_elsewhere(seen):
    here, elsewhere = seen
    assert here["half(5)"].key != elsewhere["half(5)"].key
    assert all(here[call].key == elsewhere[call].key for call in ("half(4)", "half(-1)", "half(6)"))


def test_a_module_that_cannot_be_imported_tells_its_trouble(tmp_path):
    told = run(tmp_path, probe(False), calls=["half(1)"], module="shop.nowhere")
    assert told == {"trouble": "ModuleNotFoundError: No module named 'shop.nowhere'", "seen": []}


@pytest.mark.parametrize("installed", [True, False])
def test_the_file_passes_what_was_seen_and_fails_what_was_not(seen, tmp_path, installed):
    here = seen[0]
    text = file_of(TARGET, "shop.money", [here["half(4)"], here["half(-1)"], here["half(6)"]], "money.py:3-11")
    program = prove() if installed else "import sys\nsys.modules['pytest'] = None\n" + prove()
    assert run(tmp_path / "right", program, test=text) == {"failed": [], "ran": 3}
    wrong = text.replace("approx(2.0)", "approx(2.1)").replace("-1 is negative", "-2 is negative")
    assert run(tmp_path / "wrong", program, test=wrong) == {"failed": ["test_half_1", "test_half_2"], "ran": 3}


def test_the_file_says_where_each_call_is_from_and_imports_what_it_needs(seen):
    here = seen[0]
    text = file_of(TARGET, "shop.money", [here["half(4)"], here["half(-1)"]], "money.py:3-11")
    assert "from shop.money import Refused\nfrom shop.money import half" in text
    assert "import re\n\nimport pytest\n" in text
    assert "def test_half_1():  # as other code calls it" in text
    assert imports(TARGET, "shop.money", [here["half(6)"]]) == ["from shop.money import half"]


def test_a_docstring_that_is_contradicted_is_told_beside_the_test(seen):
    (one,) = seen_of(
        {"seen": [{"call": "half(3)", "kind": "value", "words": "1.5"}]}, [Trial("half(3)", "docstring", "1")]
    )
    assert one_test(TARGET, 1, one).startswith("def test_half_1():  # as its docstring shows it, which says 1\n")


def test_a_guess_of_the_wrong_type_makes_no_test():
    told = {"seen": [{"call": "half('a')", "kind": "raises", "error": "TypeError", "module": "builtins"}] * 2}
    guess, call = seen_of(told, [Trial("half('a')", "guess"), Trial("half('a')", "call")])
    assert (guess.stands, call.stands) == (False, True)


def test_a_draft_asserts_only_what_docstrings_say():
    text = draft_file(
        TARGET, "shop.money", [Trial("half(3)", "docstring", "1.5"), Trial("half(0)", "guess")], "money.py:3"
    )
    assert "    assert half(3) == 1.5" in text
    assert "    half(0)  # gives what? A run tells" in text
    assert "Nothing of it was run." in text


def test_a_program_that_says_nothing_or_nonsense_told_nothing():
    assert read_result("hello") is None
    assert read_result("deepseek-mm-seen:{") is None
    assert read_result("deepseek-mm-seen:[1]") is None
