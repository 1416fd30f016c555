"""People in photos, for callers: switched on and off, named, joined, told apart and removed."""

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.accounts.permissions import Caller, require_owner, requires, requires_by_default
from deepseek_mm.assistant import Assistant
from deepseek_mm.errors import BadQuestion, Conflict, NothingThere
from deepseek_mm.services.settings_service import SettingsService
from index.region import Face, Person

ENABLED = "people.enabled"
MOST_LETTERS = 80  # of a name


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleState:
    """How it stands with people."""

    enabled: bool
    waiting: int  # photos whose faces were not read yet; 0 where that is switched off
    people: tuple[Person, ...]  # those with names, then others with two photos at least


@requires_by_default("ask")
@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleService:
    """The people of one library."""

    assistant: Assistant
    settings: SettingsService

    def describe_state(self, caller: Caller) -> PeopleState:
        """Whether faces are read, how many photos wait for it, and who was found."""
        enabled, faces = self.assistant.config.people.enabled, self.assistant.library.faces
        people = tuple(self.assistant.store.people.list_people())
        return PeopleState(enabled=enabled, waiting=faces.num_waiting() if enabled else 0, people=people)

    def list_names(self, caller: Caller) -> list[str]:
        """The names that there are, in order."""
        return self.assistant.store.people.names()

    def find_person(self, caller: Caller, person: int) -> Person:
        """By the id. NothingThere if there is nobody."""
        return self._person(person)

    def list_faces(self, caller: Caller, source: int) -> list[Face]:
        """The faces of a photo, from left to right."""
        return self.assistant.store.people.faces_of([source]).get(source, [])

    @requires("settings")
    def switch_on(self, caller: Caller) -> int:
        """Read faces from now on, in the background; returns how many of the photos that are there wait for it."""
        self.settings.change(caller, {ENABLED: True})
        self.assistant.library.faces.begin()
        return self.assistant.library.faces.num_waiting()

    @requires("settings")
    def switch_off(self, caller: Caller) -> int:
        """Read no faces any more, and delete all that were read with every vector and name; returns how many."""
        self.settings.change(caller, {ENABLED: None})
        self.assistant.library.faces.stop()
        return self.assistant.store.people.clear()

    @requires("library")
    def name_person(self, caller: Caller, person: int, name: str) -> Person:
        """Say who somebody is. Conflict where another one is called so; BadQuestion for no name."""
        clean = normalize_name(name)
        found, people = self._own_person(caller, person), self.assistant.store.people
        if not people.name(found.id, clean):
            raise Conflict(f"there is somebody called {clean} already. Merge the two, or choose another name")
        return self._person(person)

    @requires("library")
    def merge_people(self, caller: Caller, person: int, other: int) -> Person:
        """The other one is this person: all photos are this one's from now on, who keeps the name."""
        if person == other:
            raise BadQuestion(f"the person {person} cannot be merged with themselves. Name another one")
        found, merged = self._own_person(caller, person), self._own_person(caller, other)
        self.assistant.store.people.merge(found.id, merged.id)
        return self._person(person)

    @requires("library")
    def tell_apart(self, caller: Caller, person: int, sources: Sequence[int]) -> int:
        """In these photos it is somebody else; returns how many faces that are. They are grouped anew."""
        count = self.assistant.store.people.refuse(self._own_person(caller, person).id, sources)
        if not count:
            raise NothingThere("this person is in none of these photos. List them: GET /photos?view=person:NAME")
        self.assistant.store.people.group(self.assistant.config.people.same_person)
        return count

    @requires("library")
    def remove_person(self, caller: Caller, person: int) -> Person:
        """Delete a person with every face and vector; the photos stay. Returns who it was."""
        found = self._own_person(caller, person)
        self.assistant.store.people.remove(found.id)
        return found

    def _own_person(self, caller: Caller, person: int) -> Person:
        """The same, for whoever may change it. Forbidden if somebody else has named them."""
        found = self._person(person)
        require_owner(caller, found.owner, f"the person {found.name}")
        return found

    def _person(self, person: int) -> Person:
        found = self.assistant.store.people.find(person)
        if found is None:
            raise NothingThere(f"there is nobody with the number {person}. List them: GET /people")
        return found


def normalize_name(name: str) -> str:
    """A person's name as it is kept. BadQuestion for an empty or a very long one, and for a number."""
    clean = " ".join(name.split())
    if not clean or len(clean) > MOST_LETTERS or clean.startswith("#"):
        raise BadQuestion(f"a name has 1 to {MOST_LETTERS} letters and does not begin with #; this is {clean[:90]!r}")
    return clean
