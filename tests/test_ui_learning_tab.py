"""The Learning tab as HTML and handlers, and the field for the right answer under an answer."""

from types import SimpleNamespace

import pytest
from page_caller import ActingAs

from deepseek_mm import Answer, Score, Version
from deepseek_mm.errors import Conflict, NothingThere
from deepseek_mm.services.services import LearningService
from ui.ask.chat import Chat, ChatExchange, Talk
from ui.learning_tab import LearningHandlers
from ui.pictures import PagePictures
from ui.words import CHINESE, ENGLISH


def version(number: int, *objections: str) -> Version:
    return Version(
        number=number, made_at="2026-11-28T01:02:03+00:00", base=number - 1, reader="r", answers=(), learned=("a", "b"),
        scores=(Score(name="built-in", count=100, before=60, after=62, gained=5, lost=3),), objections=objections,
        counts={"answer": 2}, changed=(("what <i>?", "<b>.jpg", "red", "blue"), ("same?", "c.jpg", "no", "no")),
        seconds=1.0,
    )  # fmt: skip


class Learnt:
    """Remembers what was done."""

    def __init__(self, *versions: Version) -> None:
        self.versions, self.done, self.trouble, self.answering = list(versions), [], "", 0

    told = "as shipped"

    def waiting(self):
        return [SimpleNamespace(by="thumb")] * 3

    def list(self):
        return self.versions

    def get(self, number):
        found = [each for each in self.versions if each.number == number]
        if not found:
            raise NothingThere(f"there is no version {number}")
        return found[0]

    def accept(self, number, *, force):
        self.done.append((number, force))
        self.answering = number

    def train(self):
        self.done.append("train")

    def back(self):
        raise Conflict("the shipped weights answer already")


def lessons(*versions: Version, words=ENGLISH, jobs=(), fewest=3) -> LearningHandlers:
    library = SimpleNamespace(learning=Learnt(*versions), jobs=SimpleNamespace(find=lambda **_: list(jobs)))
    config = SimpleNamespace(learning=SimpleNamespace(fewest=fewest))
    learning = LearningService(assistant=SimpleNamespace(library=library, config=config))
    return ActingAs(LearningHandlers(services=SimpleNamespace(learning=learning), words=words))


def learnt(tab) -> Learnt:
    return tab.services.learning.assistant.library.learning


def test_a_version_shows_what_it_gained_and_lost_and_stays_text():
    look = lessons(version(2), version(1)).look()
    assert "3 corrections are new" in look.state
    assert "as shipped" in look.state
    assert '<td class="up">+5 &minus;3</td>' in look.versions
    assert "&lt;b&gt;.jpg: what &lt;i&gt;? red &rarr; <b>blue</b>" in look.versions
    assert "same?" not in look.versions
    assert look.versions.count('data-act="accept"') == 2


def test_the_version_that_answers_says_so_in_place_of_its_button():
    tab = lessons(version(1))
    learnt(tab).answering = 1
    look = tab.look()
    assert "answers now" in look.versions
    assert 'data-act="accept"' not in look.versions
    assert "version 1" in look.state


def test_a_sound_version_is_accepted_at_once():
    tab = lessons(version(1))
    said, refused = tab.accept("1", 0)
    assert (said.wrong, refused, learnt(tab).done) == (False, 0, [(1, False)])


def test_one_that_should_not_be_taken_says_why_and_needs_a_second_press():
    tab = lessons(version(1, "9 questions are lost"))
    said, refused = tab.accept("1", 0)
    assert said.wrong
    assert "9 questions are lost" in said.text
    assert learnt(tab).done == []
    said, again = tab.accept("1", refused)
    assert (said.wrong, again, learnt(tab).done) == (False, 0, [(1, True)])


@pytest.mark.parametrize("what", ["7", "x", "", "-1"])
def test_whatever_a_browser_sends_ends_as_a_sentence(what):
    said, refused = lessons(version(1)).accept(what, 0)
    assert said.wrong
    assert refused == 0


def test_going_back_and_learning_say_what_they_did_or_why_not():
    tab = lessons()
    assert tab.back().wrong
    assert "answer already" in tab.back().text
    assert tab.learn().text == ENGLISH.learn_begun
    assert learnt(tab).done == ["train"]


def test_work_under_way_and_work_that_failed_are_told():
    running = SimpleNamespace(state="running", message="", is_ended=False)
    look = lessons(jobs=[running], words=CHINESE).look()
    assert look.running
    assert CHINESE.learn_running in look.state
    failed = lessons(jobs=[SimpleNamespace(state="failed", message="too <few>", is_ended=True)]).look()
    assert not failed.running
    assert "too &lt;few&gt;" in failed.state


def test_under_a_thumb_down_is_a_field_for_the_right_answer(tmp_path):
    chat = Chat(pictures=PagePictures(tmp_path, lambda source, page: None), words=ENGLISH)

    def html(rating: str, right: str = "") -> str:
        exchange = ChatExchange(question="q", answer=Answer(text="a", turn=3), rating=rating, right=right)
        return chat.html(Talk(exchanges=(exchange,)))

    assert 'data-act="right"' not in html("up")
    assert 'data-act="right" data-what="3"' in html("down")
    assert 'value="&quot;&lt;blue"' in html("down", '"<blue')
    assert ENGLISH.right_kept in html("down", "blue")


def test_learning_needs_corrections_enough_and_going_back_something_that_was_learned():
    enough, few = lessons().look(), lessons(fewest=5).look()
    assert (enough.may_learn, enough.may_return, "needed" in enough.state) == (True, False, False)
    assert (few.may_learn, "2 more corrections are needed to learn from." in few.state) == (False, True)
    assert "还需要 2 条更正才能学习。" in lessons(fewest=5, words=CHINESE).look().state
    assert not lessons(jobs=[SimpleNamespace(state="running", message="", is_ended=False)]).look().may_learn
    learned = lessons(version(1))
    learned.services.learning.assistant.library.learning.answering = 1
    assert learned.look().may_return
