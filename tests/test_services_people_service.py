"""People are switched on and off by whoever may change settings, and ordered by whoever may change the library."""

import numpy as np
import pytest
from rag_house import build, paint, put

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.errors import BadQuestion, Conflict, Forbidden, NothingThere
from deepseek_mm.services.people_service import PeopleService
from deepseek_mm.services.settings_service import SettingsService
from deepseek_mm.settings_file import SettingsFile
from index.people import NewFace

OWNER = Caller(name="me", session="key:me", rights=frozenset(("ask", "library", "settings")))
READER = Caller(name="reader", session="key:reader", rights=frozenset(("ask",)))
CHANGES = {
    "switch_on": (),
    "switch_off": (),
    "name_person": (1, "Anna"),
    "merge_people": (1, 2),
    "tell_apart": (1, [1]),
    "remove_person": (1,),
}


@pytest.fixture
def people(tmp_path):
    """Two photos of one person, two of another."""
    with build(tmp_path / "library") as assistant:
        colours = ("red", "green", "blue", "yellow")
        put(assistant, *(paint(tmp_path, f"{n}.png", colour) for n, colour in enumerate(colours, 1)))
        for source in range(1, 5):
            vector = np.eye(2, 4, dtype=np.float32)[(source - 1) // 2]
            assistant.store.people.add(source, [NewFace(box=(0, 0, 0.5, 0.5), score=0.9, vector_D=vector)])
        assistant.store.people.group(0.5)
        settings = SettingsService(assistant=assistant, file=SettingsFile.of(assistant.config))
        yield PeopleService(assistant=assistant, settings=settings)


def test_somebody_is_named_once_and_merged_with_who_is_the_same(people):
    first, second = people.describe_state(READER).people
    assert people.name_person(OWNER, first.id, "  Anna   Maria ").name == "Anna Maria"
    with pytest.raises(Conflict, match="called anna maria already. Merge the two"):
        people.name_person(OWNER, second.id, "anna maria")
    assert people.merge_people(OWNER, first.id, second.id).sources == 4
    assert people.list_names(READER) == ["Anna Maria"]
    assert [face.name for face in people.list_faces(READER, 4)] == ["Anna Maria"]
    with pytest.raises(BadQuestion, match="with themselves"):
        people.merge_people(OWNER, first.id, first.id)


def test_a_photo_of_somebody_else_is_told_apart_and_a_person_is_removed(people):
    first, second = people.describe_state(READER).people
    assert people.tell_apart(OWNER, first.id, [1]) == 1
    assert people.find_person(READER, first.id).sources == 1
    with pytest.raises(NothingThere, match="in none of these photos"):
        people.tell_apart(OWNER, first.id, [3])
    assert people.remove_person(OWNER, second.id).sources == 2
    with pytest.raises(NothingThere, match=f"nobody with the number {second.id}"):
        people.find_person(READER, second.id)


def test_switching_on_begins_to_read_and_switching_off_deletes_everything(people):
    assert not people.describe_state(READER).enabled
    assert people.switch_on(OWNER) == 0  # every photo was looked at
    assert people.assistant.library.jobs.find(kinds=("read faces",), limit=1) == []
    people.assistant.store.people.clear()
    assert people.switch_on(OWNER) == 4
    assert len(people.assistant.library.jobs.find(kinds=("read faces",), states=("waiting",), limit=9)) == 1
    state = people.describe_state(READER)
    assert (state.enabled, state.waiting, state.people) == (True, 4, ())
    people.assistant.store.people.add(1, [NewFace(box=(0, 0, 1, 1), score=1, vector_D=np.ones(4, np.float32))])
    assert people.switch_off(OWNER) == 1
    state = people.describe_state(READER)
    assert (state.enabled, state.people) == (False, ())
    assert people.assistant.library.jobs.find(kinds=("read faces",), states=("waiting",), limit=1) == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "#3"])
def test_a_name_has_letters_and_is_no_number(people, name):
    with pytest.raises(BadQuestion, match="1 to 80 letters"):
        people.name_person(OWNER, 1, name)


@pytest.mark.parametrize("method", CHANGES)
def test_who_may_only_ask_changes_nobody(people, method):
    with pytest.raises(Forbidden):
        getattr(people, method)(READER, *CHANGES[method])
