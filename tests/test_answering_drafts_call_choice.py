"""Few calls that say much, and properties that all of them bear out."""

from dataclasses import replace

from deepseek_mm.answering.drafts.call_choice import choose_calls
from deepseek_mm.answering.drafts.definitions import Definitions
from deepseek_mm.answering.drafts.properties import list_opposites, propose_properties
from deepseek_mm.answering.drafts.test_file import CallResult, ValueCheck
from deepseek_mm.answering.drafts.trial_calls import CallTarget, Trial

TARGET = CallTarget("slug")


def gave(call, words, *arcs, source="guess", named=()):
    check = ValueCheck(subject="result", view="value", words=words)
    reached = frozenset((line, line + 1) for line in arcs)
    return CallResult(
        target=TARGET, trial=Trial(call, source, named=named), kind="value", checks=(check,), arcs=reached
    )


def refused(call, error, *arcs, stated=False):
    reached = frozenset((line, line + 1) for line in arcs)
    return CallResult(
        target=TARGET,
        trial=Trial(call, "guess"),
        kind="raises",
        error=error,
        module="builtins",
        stated=stated,
        arcs=reached,
    )


def calls(chosen):
    return [one.trial.call for one in chosen]


def test_the_fewest_calls_that_reach_all_lines_are_taken():
    found = [gave("f(1)", "1", 1, 2), gave("f(2)", "1", 1, 2, 3), gave("f(3)", "1", 4), gave("f(4)", "1", 3, 4)]
    assert calls(choose_calls(found, 10)) == ["f(2)", "f(3)"]


def test_calls_that_give_something_else_fill_up_and_twins_do_not():
    found = [gave(f"f({n})", str(n % 2), 1) for n in range(9)]
    assert calls(choose_calls(found, 10)) == ["f(0)", "f(1)"]
    assert len(choose_calls([gave(f"f({n})", str(n), 1) for n in range(30)], 10, enough=8)) == 8


def test_what_somebody_wrote_comes_before_guesses():
    found = [gave("f(1)", "1", 1), gave("f(2)", "2", 1, source="docstring")]
    assert calls(choose_calls(found, 1)) == ["f(2)"]


def test_an_error_that_nobody_raises_on_purpose_is_taken_only_where_nothing_else_is():
    slip, meant = refused("f(0)", "IndexError", 7), refused("f(-1)", "ValueError", 8, stated=True)
    assert calls(choose_calls([slip, gave("f(1)", "1", 1), meant], 10)) == ["f(1)", "f(-1)"]
    assert calls(choose_calls([slip], 10)) == ["f(0)"]


def pair(given, words):
    return gave(f"slug({given})", words, 1, named=(("text", given),))


def test_twice_like_once_is_proposed_where_the_results_differ_from_what_went_in():
    home = Definitions("def slug(text): ...\n", "m", lambda module: None)
    (twice,) = propose_properties([pair("'A b'", "'a-b'"), pair("'C'", "'c'"), pair("'d'", "'d'")], home)
    assert twice.setup == ("given = ('A b', 'C', 'd',)",)
    assert twice.call == "[slug(slug(each)) for each in given] == [slug(each) for each in given]"
    assert list(propose_properties([pair("'a'", "'a'"), pair("'b'", "'b'")], home)) == []


def test_a_partner_of_an_opposite_name_gives_back_what_went_in():
    home = Definitions("def slug_to_text(text): ...\ndef text_to_slug(text): ...\n", "m", lambda module: None)
    target = CallTarget("slug_to_text")
    found = [
        replace(one, target=target, trial=replace(one.trial, call=f"slug_to_text({given})"))
        for given in ("'a-b'", "'c-d'")
        for one in [pair(given, given.replace("-", " "))]
    ]
    assert "[text_to_slug(slug_to_text(each)) for each in given] == list(given)" in {
        trial.call for trial in propose_properties(found, home)
    }
    assert "decode_row" in list_opposites("encode_row")
    assert list_opposites("hex_to_rgb")[-3:] == ["rgb_to_hex", "rgb2hex", "rgbtohex"]
    assert list_opposites("total") == []
