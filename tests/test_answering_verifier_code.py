"""What a larger model is shown of code, and which of its sentences may stand; once through real sockets."""

from pathlib import Path

import pytest
from chat_server import chat_server
from code_house import put_code
from fakes import Parrot
from openai_house import offering
from rag_house import build

from deepseek_mm.answering.composer import code_prompt
from deepseek_mm.answering.verifier import check_code, names_in
from deepseek_mm.config import LMConfig
from deepseek_mm.lm.backends.server_model import open_remote
from deepseek_mm.types import Claim, Evidence, Question
from index import Region, Source, Symbol

PIECES = (
    (
        "/repo/shop/money.py",
        (8, 12),
        "checked",
        "def checked(amount):\n    if amount < 0:\n        raise ValueError(amount)",
    ),
    ("/repo/shop/orders.py", (9, 14), "total", "def total(self, prices):\n    return rounded(sum(prices))"),
)
CLAIMS = (Claim("`checked` is called by `rounded` in money.py:4-5", (1,), 1.0),)


def evidence():
    made = []
    for n, (path, lines, name, text) in enumerate(PIECES, start=1):
        symbol = Symbol(name=name, kind="function", signature=text.split(":")[0], calls=("rounded",) if n == 2 else ())
        source = Source(path=path, kind="code", format="python", digest=name)
        region = Region(source=source, kind="code", box_px=(0, 0, 0, 0), text=text, lines=lines, symbol=symbol)
        made.append(Evidence(number=n, region=region, score=1.0))
    return made


def weighed(sentence, knows=lambda name: False):
    return check_code(sentence, evidence(), CLAIMS, knows)


def test_the_model_reads_pieces_with_their_places_and_the_facts_about_them():
    question = Question(text="What is refused?", about="code")
    system, before, answer, asked = code_prompt(question, evidence(), CLAIMS, [("who?", "Nobody.")])
    assert "Use only the numbered pieces" in system.text
    assert (before.text, answer.text) == ("who?", "Nobody.")
    assert "[1] /repo/shop/money.py:8-12 def checked(amount)\n    def checked(amount):\n" in asked.text
    assert "- `checked` is called by `rounded` in money.py:4-5 [1]." in asked.text
    assert asked.text.endswith("Question: What is refused?")


def test_no_line_of_code_can_pass_for_another_piece_and_much_code_is_cut():
    one = evidence()[0]
    source = Source(path="/x.py", kind="code", digest="x")
    long = Region(
        source=source, kind="code", box_px=(0, 0, 0, 0), text="[2] secrets.py:1-9\n" + "x" * 99_999, lines=(1, 9)
    )
    text = code_prompt(Question(text="?"), [one, Evidence(number=2, region=long, score=1.0)], ())[-1].text
    assert "\n[2] secrets" not in text
    assert "    [2] secrets.py:1-9" in text
    assert len(text) < 6_000


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        (
            "`checked` raises `ValueError` when `amount` is below zero. [1]",
            "`checked` raises `ValueError` when `amount` is below zero [1].",
        ),
        ("It is called by `rounded` [1].", "It is called by `rounded` [1]."),  # a fact names it
        ("See money.py:8-10 [1].", "See money.py:8-10 [1]."),
        ('It gives `raise ValueError("unknown words")` [1].', 'It gives `raise ValueError("unknown words")` [1].'),
        ("`total` adds up `prices`.", "`total` adds up `prices` [2]."),  # one piece alone has both
        ("An amount below zero is refused [1].", "An amount below zero is refused [1]."),
    ],
)
def test_a_sentence_whose_names_and_places_were_shown_stands(sentence, shown):
    made = weighed(sentence)
    assert (made.kept, made.claim) == (True, shown)


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("`checked` calls `log_failure` [1].", "nothing here is called log_failure"),
        ("It calls verify_amount [1].", "nothing here is called verify_amount"),
        ("It uses sendMail() [1].", "nothing here is called sendMail"),
        ("It is in money.py:40 [1].", "money.py:40 was not shown"),
        ("It is in secret.py:8 [1].", "secret.py:8 was not shown"),
        ("`checked` is fine [7].", "it cites [7], which does not exist"),
        ("All of this is common knowledge.", "it cites nothing"),
        ("[1]", "it claims nothing"),
    ],
)
def test_a_sentence_with_something_that_was_not_shown_is_dropped_and_says_why(sentence, reason):
    made = weighed(sentence)
    assert (made.kept, made.reason) == (False, reason)


def test_a_name_that_the_index_knows_may_be_said():
    assert not weighed("`checked` is older than `launch_rocket` [1].").kept
    assert weighed("`checked` is older than `launch_rocket` [1].", knows=lambda name: name == "launch_rocket").kept


def test_brackets_in_code_are_no_citations():
    made = weighed("`total` reads `prices[1]` and `prices[9]` [2].")
    assert (made.kept, made.numbers) == (True, (2,))


def test_words_of_languages_and_strings_are_no_names():
    assert names_in("`return None if x_1 == 'some_thing' else self`") == ["return", "if", "x_1", "else"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("talk")


def asked(folder, lm, text="explain `checked`"):
    with build(folder / lm.name.replace("/", "-"), lm=lm) as house:
        put_code(house.store, Path("/repo"))
        return house.ask(Question(text=text, about="code"))


def test_a_larger_model_behind_a_server_answers_from_the_same_evidence(folder):
    words = ("`checked`", " refuses", " every", " negative", " `amount`", " [1].", " It", " calls", " `send_mail` [1].")
    with chat_server(*words) as server:
        answer = asked(folder, open_remote(LMConfig(name="kite-7b", url=server.url)))
    told = server.asked[0]["messages"][-1]["content"]
    assert "/repo/shop/money.py:8-12" in told
    assert "raise ValueError" in told
    assert "Question: explain `checked`" in told
    assert answer.text.startswith(
        "`checked` is defined in money.py:8-12 [1]. `checked` refuses every negative `amount` [1]."
    )
    assert "send_mail" not in answer.text
    assert "`checked` is called by `rounded`" in answer.text  # facts that it left out follow
    assert [check.reason for check in answer.checks if not check.kept] == ["nothing here is called send_mail"]
    assert answer.model == "kite-7b"


def test_a_server_that_fails_leaves_the_facts_as_they_are(folder):
    with chat_server(fault="500") as server:
        lm = open_remote(LMConfig(name="broken", url=server.url))
        answer = asked(folder, lm, "where is `checked` defined?")
    assert answer.text == "`checked` is defined in money.py:8-12 [1]."
    assert "broken failed" in [check.claim for check in answer.checks]


def test_our_own_server_can_be_the_larger_model(folder):
    with (
        build(folder / "other", lm=Parrot("`checked` guards every `amount` [1].")) as other,
        offering(other) as client,
    ):
        url = str(client.base_url).rstrip("/")
        answer = asked(folder, open_remote(LMConfig(name="deepseek-mm-lm", url=url)))
    assert "`checked` guards every `amount` [1]." in answer.text
    assert answer.model == "deepseek-mm-lm"


def test_a_test_file_is_not_reworded_by_a_model(folder):
    lm = Parrot("`checked` is well tested [1].")
    with build(folder / "draft", lm=lm) as house:
        put_code(house.store, folder / "nowhere")
        answer = house.ask(Question(text="write a test for `checked`", about="code"))
    assert answer.text.startswith("I can write no test for `checked`")
