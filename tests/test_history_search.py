"""Words are found in titles, questions and answers of any script, and the list stays quick when it is long."""

import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from history_samples import ANSWER, ask, run_sql, told
from sqlalchemy import event
from storage_contract import URL, only_files

from deepseek_mm.history import History
from deepseek_mm.history.queries import MAX_WORDS, words_of
from deepseek_mm.types import Answer


def found(history: History, text: str, *, session: str = "") -> list[str]:
    """Titles of what is found, oldest first; counted alike."""
    listed = history.conversations(session=session, limit=99, text=text)
    assert history.count(session=session, text=text) == len(listed)
    return [conversation.title for conversation in reversed(listed)]


def in_step(path: Path) -> bool:
    """Whether the two word indexes agree with the rows; SQLite compares them word by word, a server sees to it."""
    for words in () if URL else ("turn_words", "title_words"):
        run_sql(path, f"INSERT INTO {words} ({words}, rank) VALUES ('integrity-check', 1)")
    return True


def test_a_word_is_found_in_question_answer_and_title_also_inside_a_longer_one(history):
    told(history, "what flies?", Answer(text="A red kite [1]."))
    conversation, _ = told(history, "what swims?", Answer(text="A duck [1]."))
    history.rename(conversation, "ponds", session="")
    assert found(history, "flies") == found(history, "KITE") == found(history, "ite [") == ["what flies?"]
    assert found(history, "swims") == found(history, "duck") == found(history, "Pond") == ["ponds"]
    assert found(history, "what") == found(history, " \n ") == found(history, "") == ["what flies?", "ponds"]
    assert found(history, "goat") == []


def test_every_word_must_occur_but_in_any_turn_of_the_conversation(history):
    conversation, _ = told(history, "what flies?", Answer(text="A red kite."))
    told(history, "and its tail?", Answer(text="It is yellow."), conversation=conversation)
    told(history, "a yellow kit", Answer(text="No."))
    assert found(history, "yellow kite") == found(history, "tail flies yellow") == ["what flies?"]
    assert found(history, "yellow kit") == ["what flies?", "a yellow kit"]
    assert found(history, "yellow goat") == []


@pytest.mark.parametrize(
    ("question", "answer", "words"),
    [
        (
            "\u8c01\u5728\u98de\uff1f",
            "\u4e00\u53ea\u7ea2\u8272\u7684\u98ce\u7b5d\u3002",
            ["\u98ce\u7b5d", "\u98de", "\u7ea2\u8272\u7684\u98ce", "\u98ce\u7b5d\u3000\u8c01\u5728"],
        ),
        (
            "\u043a\u0442\u043e \u043b\u0435\u0442\u0438\u0442?",
            "\u0417\u043c\u0435\u0439 \u0438 \u0401\u0436",
            [
                "\u041b\u0415\u0422\u0418\u0422",
                "\u0437\u043c\u0435\u0439",
                "\u0451\u0436",
                "\u0401\u0416",
                "\u0451\u0416",
            ],
        ),
        ("\u00d6l?", "Ein \u00c4rger", ["\u00f6l", "\u00d6L", "\u00e4r", "\u00e4rger"]),
        (
            "\u0645\u0646 \u064a\u0637\u064a\u0631",
            "\u0637\u0627\u0626\u0631\u0629 \U0001f600",
            ["\u0637\u0627\u0626\u0631\u0629", "\u0645\u0646", "\U0001f600"],
        ),
    ],
    ids=["chinese", "russian", "german", "arabic and a smiley"],
)
def test_words_of_any_script_are_found_short_or_long_small_or_large(history, question, answer, words):
    told(history, "something else")
    told(history, question, Answer(text=answer))
    for word in words:
        assert found(history, word) == [question], word
    assert found(history, words[0] + "x") == []


@pytest.mark.parametrize(
    "text",
    ['"', '""', '"kite', "goat OR owl", "NOT kite", "kite*goat", "NEAR(kite goat)", "title:kite", "question : kite",
     "{title} : kite", "kite)", "-kite", "^kite", "a%e", "k_te", "%%%", "%", "_", "\\", "/", "';--", "AND", "[[["],
)  # fmt: skip
def test_what_is_typed_is_never_a_pattern(history, text):
    """Each is looked for letter by letter: found where it stands, and not in a text about a kite or a goat."""
    told(history, "a kite or a goat is kept", Answer(text="a kite, a goat"))
    told(history, f"<{text}>")
    assert found(history, text) == [f"<{text}>"]


def test_letters_that_no_text_can_hold_separate_words(history):
    assert words_of("a\0b \udce9c a") == ["a", "b", "c"]
    told(history, "what flies?")
    assert found(history, "what\0flies") == found(history, "\udcffflies\ud800") == ["what flies?"]


def test_a_page_long_search_looks_for_its_first_words_only(history):
    words = [f"word{n}" for n in range(1000)]
    told(history, " ".join(words[:MAX_WORDS]))
    assert len(found(history, " ".join(words))) == 1
    assert found(history, f"goat {' '.join(words)}") == []


def test_the_answers_of_another_session_are_not_found(history):
    told(history, "anna's kite", session="anna")
    told(history, "ben's kite", session="ben")
    for text in ("kite", "'s"):
        assert found(history, text, session="anna") == ["anna's kite"]
        assert found(history, text) == []


@only_files
def test_a_growing_answer_is_found_and_the_index_follows_when_it_is_over(history, path):
    _, turn = ask(history, "what flies over the house?")
    history.progress(turn, "A red ki")
    assert found(history, "house flies") == found(history, "red") == ["what flies over the house?"]
    history.progress(turn, "A white kite")
    history.finish(turn, Answer(text="A yellow sun"))
    assert found(history, "yellow") != [] == found(history, "white")
    history.finish(turn, Answer(text="A green hill"))
    assert found(history, "green") != [] == found(history, "yellow")
    assert in_step(path)


@only_files
def test_the_index_follows_renaming_dropping_branching_adopting_and_purging(history, path):
    first, _ = told(history, "what flies?", Answer(text="A kite"))
    _, second = told(history, "what swims?", Answer(text="A duck"), conversation=first)
    branch = history.branch(first, before=second, session="")
    history.drop_last(first, second, session="")
    assert found(history, "swims") == found(history, "duck") == []
    history.rename(first, "parent", session="")
    assert found(history, "kite") == ["parent", "what flies?"]
    history.adopt(history.turns(branch, session=""), title="adopted", session="")
    history.delete(branch, session="")
    history.purge(0)
    assert sorted(found(history, "flies")) == ["adopted", "parent"]
    assert in_step(path)


def test_what_a_kill_left_behind_is_found_like_any_other_answer(history, path):
    _, turn = ask(history, "what flies?")
    history.progress(turn, "A red")
    run_sql(path, "UPDATE turns SET owner_pid = 1, owner_started = 'long ago'")
    with closing(History(path)) as again:
        assert found(again, "red") == ["what flies?"]
    assert in_step(path)


@contextmanager
def statements(history: History):
    """The statements that are sent to the file meanwhile, with their values."""
    sent = []

    def note(_connection, _cursor, statement, values, _context, _many):
        if statement.startswith("SELECT"):
            sent.append((statement, values))

    event.listen(history._database.engine, "before_cursor_execute", note)
    yield sent
    event.remove(history._database.engine, "before_cursor_execute", note)


def plans(path: Path, sent: list) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[3] for s, values in sent for row in connection.execute(f"EXPLAIN QUERY PLAN {s}", values)]


def fill(history: History, conversations: int, turns: int) -> int:
    """The last of them has that many turns."""
    for n in range(conversations):
        conversation, _ = told(history, f"question {n}", ANSWER)
    for n in range(turns - 1):
        told(history, f"more {n}", ANSWER, conversation=conversation)
    return conversation


@only_files
def test_a_page_of_the_list_a_page_of_turns_and_a_search_walk_no_whole_table(history, path):
    conversation = fill(history, 3, 3)
    with statements(history) as sent:
        history.conversations(session="", limit=20)
        history.conversations(session="", limit=20, text="question more")
        history.count(session="")
        history.turns(conversation, session="", last=20)
        history.num_turns(conversation, session="")
        history.feedback(limit=20)
    steps = plans(path, sent)
    assert any("ix_conversations_listed" in step for step in steps)
    assert any("ix_turns_conversation_id" in step for step in steps)
    assert any("VIRTUAL TABLE INDEX" in step for step in steps)
    walks = [step for step in steps if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    assert [step for step in walks if "ix_turns_meant" in step] != []  # which has turns with a corrected request alone
    walks = [step for step in walks if "ix_turns_meant" not in step]
    assert [step for step in walks if "turns" in step or "conversations" in step or "citations" in step] == []
    pages = [s for s in sent if "ORDER BY conversations.pinned" in s[0] or "ORDER BY turns.id DESC" in s[0]]
    assert len(pages) == 3
    assert [step for step in plans(path, pages) if "TEMP B-TREE FOR ORDER BY" in step] == []


def test_ten_turns_cost_as_many_statements_as_two(history):
    conversation = fill(history, 10, 10)

    def cost(last: int) -> int:
        with statements(history) as sent:
            history.conversations(session="", limit=last)
            history.turns(conversation, session="", last=last)
            history.feedback()
        return len(sent)

    assert cost(10) == cost(2)
