"""What leads from one part of the page to another."""

import pytest
from fake_app import paper
from page_caller import request_of, services_of

from deepseek_mm import LOCAL
from deepseek_mm.config import Config
from ui import edges, layout
from ui.ask.chat import Talk
from ui.ask.evidence_board import exhibits
from ui.edges import BadBox
from ui.gateway.events import Press
from ui.layout import TabNavigation, box_from_shares
from ui.pictures import PagePictures
from ui.search.search_handlers import SearchSequence
from ui.viewer import ViewerState
from ui.words import ENGLISH

ME = "m" * 43


@pytest.fixture
def passing(tmp_path, monkeypatch):
    """The page's own Passing, as `build_ui` joins it."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "page"))
    made: list[TabNavigation] = []
    join = TabNavigation.join

    def keep(self, *args, **named):
        made.append(self)
        return join(self, *args, **named)

    monkeypatch.setattr(TabNavigation, "join", keep)
    assistant = paper(Config(data=tmp_path / "library"))
    pictures = PagePictures(tmp_path / "pictures", assistant.picture)
    services = services_of(assistant)
    layout.build_ui(services, pictures, ENGLISH)
    yield made[0]
    assistant.close()


@pytest.fixture
def viewed(passing) -> ViewerState:
    talk = list(passing.ask.handlers.ask(LOCAL, {"text": "Is it red green?", "files": []}, Talk(), ME, "page"))[-1].talk
    answer = talk.exchanges[0].answer
    return ViewerState(exhibits=exhibits(answer, ENGLISH), turn=answer.turn)


def press(
    passing: TabNavigation,
    viewed: ViewerState,
    act: str,
    kept: object = ME,
    *,
    newest: SearchSequence | None = None,
    **more,
):
    """What the page shows in the end."""
    event = Press(None, {"act": act, **more})
    updates = {}
    for each in passing._press(request_of(), event, 2.0, viewed, Talk(), kept, newest or SearchSequence()):
        updates.update(each)
    return updates


def test_a_part_that_was_drawn_is_looked_for_on_the_search_tab(passing, viewed):
    updates = press(passing, viewed, "part", box=[0.6, 0.6, 0.9, 0.9])
    found = updates[passing.search.results]
    assert updates[passing.tabs].selected == "search"
    assert updates[passing.viewer.html] == ""
    assert (found.like, found.query.besides) == ("a part of kite.jpg", viewed.at.citation.region.source.id)
    assert found.query.image.size == (192, 144)


def test_a_part_of_the_picture_that_came_along_keeps_the_words_and_the_filters(passing, viewed):
    before = passing.search.handlers.search({"text": "red", "files": [viewed.at.citation.region.source.path]})
    brought = passing.search._brought(before)
    updates = press(passing, ViewerState(exhibits=(brought,), sought=before), "part", box=[0, 0, 0.5, 1])
    found = updates[passing.search.results]
    assert (found.query.text, found.query.image.size, found.brought) == ("red", (320, 480), before.brought)


@pytest.mark.parametrize("box", [None, "all", [0.5, 0.5, 0.5, 0.9], [1, 1, 2, 2], [float("nan")] * 4])
def test_a_box_that_holds_nothing_keeps_the_dialog_open_and_says_so(passing, viewed, box):
    updates = press(passing, viewed, "part", box=box)
    assert updates[passing.viewer.viewed].said
    assert passing.tabs not in updates


def test_the_dialog_turns_round_in_both_directions(passing, viewed):
    on = press(passing, viewed, "on")[passing.viewer.viewed]
    assert on.index == 1
    assert press(passing, on, "on")[passing.viewer.viewed].index == 0
    assert press(passing, viewed, "back")[passing.viewer.viewed].index == 1


def test_a_file_that_belongs_to_the_one_in_view_is_shown_in_its_place(passing, viewed):
    stored = passing.services.photos.list_photos(LOCAL)[-1]
    after = press(passing, viewed, "companion", what=str(stored.id))[passing.viewer.viewed]
    assert (after.at.citation.region.source, after.index, len(after.exhibits)) == (stored, 0, len(viewed.exhibits))
    assert passing.viewer.viewed not in press(passing, viewed, "companion", what="999")  # it is gone


def test_a_dialog_that_was_closed_forgets_what_it_showed(passing, viewed):
    assert press(passing, viewed, "closed")[passing.viewer.viewed] == ViewerState()


def test_more_like_this_closes_the_dialog_and_searches(passing, viewed):
    updates = press(passing, viewed, "like")
    assert updates[passing.search.results].order == ""  # best first
    assert updates[passing.viewer.html] == ""
    assert updates[passing.tabs].selected == "search"


@pytest.mark.parametrize(("act", "more"), [("like", {}), ("part", {"box": [0.6, 0.6, 0.9, 0.9]})])
def test_what_the_dialog_looks_for_is_not_replaced_by_a_search_that_was_sent_before(passing, viewed, act, more):
    tab, newest = passing.search, SearchSequence()
    before = tab.run(newest, lambda: tab.handlers.search({"text": "red", "files": []}), 1.0)
    next(before)  # it is at work
    found = press(passing, viewed, act, newest=newest, **more)[tab.results]
    assert found.like
    assert newest.shown is found
    assert [tab.results in each for each in before] == [False]


def test_what_the_dialog_looks_for_is_kept_when_the_search_tab_is_opened_with_it(passing, viewed):
    newest = SearchSequence()
    press(passing, viewed, "like", newest=newest)
    assert passing.search.grid not in passing.search._offer(request_of(), newest)


def test_asking_about_a_photo_puts_a_copy_of_it_into_the_box(passing, viewed):
    updates = press(passing, viewed, "ask")
    (file,) = updates[passing.ask.parts_by_name["box"]]["files"]
    assert file.endswith("kite.jpg")
    assert file.startswith(str(passing.ask.handlers.assistant.config.data.parent / "page"))
    assert updates[passing.tabs].selected == "ask"


def test_a_box_drawn_right_is_kept_as_feedback_of_the_asker(passing, viewed):
    updates = press(passing, viewed, "right", box=[0.5, 0.25, 1.0, 0.75], label=" A kite ")
    assert updates[passing.viewer.viewed].said == ENGLISH.box_saved
    (turn,) = passing.ask.handlers.assistant.history.feedback()
    (corrected,) = turn.boxes
    assert (corrected.number, corrected.box_px, corrected.label) == (1, (320, 120, 640, 360), "A kite")


def test_a_label_that_was_left_alone_is_no_correction(passing, viewed):
    press(passing, viewed, "right", box=[0.5, 0.25, 1.0, 0.75], label="red thing")
    (turn,) = passing.ask.handlers.assistant.history.feedback()
    assert turn.boxes[0].label == ""


@pytest.mark.parametrize("kept", ["o" * 43, None])
def test_nobody_else_corrects_a_box(passing, viewed, kept):
    said = press(passing, viewed, "right", kept, box=[0, 0, 1, 1], label="")[passing.viewer.viewed].said
    assert said != ENGLISH.box_saved
    assert passing.ask.handlers.assistant.history.feedback() == []


@pytest.mark.parametrize("act", ["", "drop table", None])
def test_a_press_that_means_nothing_changes_nothing(passing, viewed, act):
    assert list(press(passing, viewed, act)) == [passing.viewer.html]


def test_an_emptied_library_empties_the_other_tabs(passing):
    updates = passing._forget(True)
    assert updates[passing.ask.talk] == Talk()
    assert list(passing._forget(False)) == [passing.ask.talk]


@pytest.mark.parametrize(
    "shares", [None, [], [0, 0, 1], ["a", 0, 1, 1], [0.5, 0.5, 0.5, 0.5], [1, 1, 0, 0], "0,0,1,1", [True] * 4]
)
def test_what_is_no_box_is_refused_with_a_sentence(shares):
    with pytest.raises(BadBox, match="box"):
        box_from_shares(shares, (640, 480), ENGLISH)


def test_a_box_is_cut_to_the_picture():
    assert box_from_shares([-1, 0.5, 2, 1], (640, 480), ENGLISH) == (0, 240, 640, 480)
    assert edges.BadBox.__mro__[1].__name__ == "DeepSeekMMError"
