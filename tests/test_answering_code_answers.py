"""What people ask about a small library of code, file by file as it lies on disk, and what they are told."""

import subprocess
from pathlib import Path

import pytest
from code_graphs import link_library
from code_house import put_code
from rag_house import build
from sentences import encode

from deepseek_mm.answering.code.coder import CodeModels, Coder
from deepseek_mm.answering.code.skill import SURELY_CODE, CodeSkill
from deepseek_mm.language.parser import parse
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Act, Question

FILES = {
    "ferries/times.py": '''"""When ferries go."""

from ferries.errors import NoFerry

FIRST_HOUR = 6  # of the morning, when the first ferry leaves
QUAYS = ("north", "south")


def next_ferry(now: int, pause: int = 20) -> int:  # minutes between two
    """The minute of the next departure; in a storm none goes."""
    if now < 0:
        raise NoFerry("there is no time before midnight")
    return now + pause - now % pause


def windows(values, size):
    """Every run of `size` neighbours."""
    return [values[i : i + size] for i in range(len(values) - size)]


def is_early(hour: int) -> bool:
    return hour < FIRST_HOUR
''',
    "ferries/errors.py": '''"""What may go wrong."""


class NoFerry(Exception):
    """None goes any more."""


class TooLate(NoFerry):
    """It has left."""
''',
    "ferries/tickets.py": '''"""Tickets, and who may go without."""

from ferries.times import next_ferry

PRICE = 4


def sell(people, now):
    """Tries the till some times; children under six go free."""
    for _ in range(1 + 2):
        print(people[-1])
    return PRICE * len(people), next_ferry(now)
''',
}  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    folder = tmp_path_factory.mktemp("code")
    with build(folder / "library") as house:
        put_code(house.store, folder, FILES, written=True)
        link_library(house.library)
        yield house


@pytest.fixture(scope="module")
def coder(house) -> Coder:
    graphs = house.library.code.open_graphs()
    return Coder(house.store, house.find, CodeModels(encode=encode), graphs=graphs)


def told(coder: Coder, text: str, *earlier: str) -> str:
    question = Question(text=text, about="code")
    case = QuestionContext(question=question, program=parse(text), earlier=tuple((each, "") for each in earlier))
    return ". ".join(claim.text for claim in coder.look_up(case).claims)


ASKED = [
    ("list the functions in times.py", "There are 3 functions in `times.py`: `next_ferry` (times.py:9)"),
    ("which classes are in errors", "There are 2 classes in `errors.py`: `NoFerry` (errors.py:4)"),
    ("which exceptions of our own are there?", "There are 2 classes of errors in the code of this library: `NoFerry`"),
    ("what constants are there in tickets.py", "There is 1 constant in `tickets.py`: `PRICE` (tickets.py:5, `4`)"),
    ("how many tests are in times.py?", "There is no test in `times.py`"),
    ("what is in errors.py?", "`errors.py` has 9 lines and says of itself: \"What may go wrong.\""),
    ("summarise ferries/", "`tickets.py` has 12 lines and says of itself: \"Tickets, and who may go without.\""),
    ("difference between NoFerry and TooLate", "It is based on `NoFerry`"),
    ("compare next ferry with is_early",
     "`is_early` takes `hour: int` and `next_ferry` takes `now: int, pause: int=20`"),
    ("explain is_early",
     "It gives back `hour < FIRST_HOUR`. `FIRST_HOUR` is `6` (\"of the morning, when the first ferry"),
    ("windows([1, 2, 3], 2) gives one, it should be two", "In times.py:18 `range(len(values) - size)` is off by one"),
    ("review times.py", "It may be meant as `range(len(values) - size + 1)`"),
    ("review errors.py", "In `errors.py` I see no mistake that syntax alone shows"),
    ("the first ferry should leave at 7, what do I change", "Change `FIRST_HOUR` in times.py:5: it is `6` now"),
    ("the first ferry should leave at 7, what do I change",
     "With 7 it reads `FIRST_HOUR = 7`. It is used by `is_early`"),
    ("how do I change the pause between ferries", "`pause` of `next_ferry` is `20` (\"minutes between two\")"),
    ("how often is the till tried?", "`sell` in tickets.py:8-12 goes round `for ... in range(1 + 2)` 3 times"),
    ("what happens in a storm", "`next_ferry` in times.py:9-13 says: \"in a storm none goes.\""),
    ("do children pay", "children under six go free."),
    ("who wrote times.py?", "Nothing here tells who wrote or changed that"),
    ("which error is raised when the time is before midnight",
     "`next_ferry` in times.py:9-13 raises `NoFerry` where `now < 0`"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "part"), ASKED, ids=[text for text, _ in ASKED])
def test_what_is_asked_as_people_ask_it_is_told_from_the_code(coder, text, part):
    assert part in told(coder, text)


def test_a_traceback_is_told_with_its_likely_cause_and_where_the_value_came_from(coder):
    text = told(
        coder, 'why?\n  File "tickets.py", line 11, in sell\n    print(people[-1])\nIndexError: list index out of range'
    )
    assert "Likely `people` is empty: `people[-1]` needs at least one entry" in text
    assert "`people` is a parameter of `sell`, so whoever calls it gave it" in text


def test_an_error_of_the_librarys_own_is_told_with_the_condition_that_raises_it(coder):
    text = told(
        coder, 'File "times.py", line 12, in next_ferry\n    raise NoFerry()\nferries.errors.NoFerry: there is none'
    )
    assert "`NoFerry` is an error of this code, defined in errors.py:4-5" in text
    assert "`next_ferry` in times.py:9-13 raises it where `now < 0`" in text


def test_what_nothing_here_speaks_of_is_not_told(coder):
    assert told(coder, "how is the password of the mail server encrypted?") == ""


def test_a_name_that_is_nowhere_leads_to_the_nearest_that_is(coder):
    assert told(coder, "where is next_ferri defined?").startswith(("Nothing here is called `next_ferri`", ""))


def test_a_value_in_brackets_does_not_pass_for_a_citation(coder):
    text = told(coder, 'File "times.py", line 18, in windows\n    x\nKeyError: 1')
    assert "`return [values[i : i + size] for i in range(len(values) - size)]`" in text


@pytest.mark.parametrize(
    ("text", "sure"),
    [("who calls next_ferry?", 1.0), ("where is sell defined", 1.0), ("what's in tickets.py", 1.0),
     ("explain sell", 0.5),
     ("is there a dog?", 0.0), ("explain relativity", 0.0)],
)  # fmt: skip
def test_what_names_code_is_recognised_wherever_it_is_asked(coder, text, sure):
    assert coder.recognise(text) == sure


def test_where_the_library_holds_code_alone_whatever_is_no_talk_is_about_it(house, coder):
    skill = CodeSkill(coder, house.store)
    case = QuestionContext(
        question=Question(text="when does the first one leave?"), program=parse("x"), act=Act(kind="look", text="x")
    )
    assert skill.recognise(case) == SURELY_CODE


def test_who_changed_something_last_is_asked_of_git_where_there_is_a_repository(coder, house):
    folder = Path(next(iter(house.store.sources(limit=1))).path).parent.parent
    ana = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org")
    for words in (("init", "-q"), ("add", "ferries"), (*ana, "commit", "-qm", "ferries go")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)
    text = told(coder, "who changed next_ferry last?")
    assert text.startswith("`next_ferry` in times.py:9-13 was changed last by Ana on 20")
    assert '("ferries go", ' in text
    assert "Ana" in told(coder, "who wrote tickets.py")


def test_what_happens_from_a_function_on_is_told_call_by_call(coder):
    text = told(coder, "what happens when `sell` is called?")
    assert "From `sell` in tickets.py:8-12 on this happens" in text
    assert "`sell` calls `next_ferry` in tickets.py:12" in text


def test_an_agent_reads_signatures_and_bodies_for_a_task(house):
    graphs = house.library.code.open_graphs()
    text = graphs.draw_context("leave in a storm, pause between ferries", 400, [])
    assert "next_ferry" in text
    assert len(text.split()) < 400


def test_what_commits_said_leads_an_agent_to_what_they_changed(house):
    folder = Path(next(iter(house.store.sources(limit=1))).path).parent.parent
    ana = ("-c", "user.name=Ana", "-c", "user.email=ana@example.org")
    subprocess.run(["git", "-C", str(folder), "init", "-q"], check=True)
    for name, definition, message in (
        ("times.py", "def next_ferry(", "zebras cross"),
        ("tickets.py", "def sell(", "lanterns glow"),
    ):
        file = next(folder.rglob(name))
        before = file.read_text()
        for text, said in ((before.replace(definition, f"{definition}  "), "to begin with"), (before, message)):
            file.write_text(text)
            subprocess.run(["git", "-C", str(folder), "add", "."], check=True)
            subprocess.run(["git", "-C", str(folder), *ana, "commit", "-qm", said], check=True)
    graphs = house.library.code.open_graphs()
    bodies = [
        graphs.draw_context(wish, 600, []).partition("\n# ")[2] for wish in ("zebra crossings", "a glowing lantern")
    ]
    assert [body.partition("\n")[0].rpartition(" ")[2] for body in bodies] == ["next_ferry", "sell"]
