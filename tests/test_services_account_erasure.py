"""Somebody's data is deleted with their account: it is gone from every file, and nobody else's is touched."""

from dataclasses import replace
from pathlib import Path

import pytest
from account_samples import open_quick, person
from rag_house import build, paint, put

from deepseek_mm.accounts.keys import Keys
from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.errors import Conflict
from deepseek_mm.history.queries import hash_of
from deepseek_mm.jobs import JobRequest
from deepseek_mm.services import build_services
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.types import Picture, Question

SECRET_WORDS = "Where did Benedikt hide the marzipan elephant?"
HERS = "Is there a kite over Anna's house?"


class Erased:
    """A house in which Anna and Ben have asked, saved, sent and set going."""

    def __init__(self, folder: Path) -> None:
        (folder / "library" / "spaces" / "colours").mkdir(parents=True)
        self.data = folder / "library"
        self.assistant = build(self.data, home="spaces/colours")
        put(self.assistant, paint(folder / "photos", "red.png", "red"))
        self.accounts, self.keys = open_quick(self.data), Keys(self.data)
        file = SettingsFile.of(self.assistant.config)
        self.services = build_services(self.assistant, file, accounts=self.accounts, keys=self.keys)
        self.anna = person(self.accounts, "Anna", "owner")
        self.ben = person(self.accounts, "Ben")
        self.shared, self.his = paint(folder, "shared.png", "green"), paint(folder, "his.png", "blue", patch="red")
        for caller, text, pictures in (
            (self.anna, HERS, [self.shared]),
            (self.ben, SECRET_WORDS, [self.shared, self.his]),
            (self.ben, HERS, []),
        ):
            self.use(caller, text, pictures)

    def use(self, caller: Caller, text: str, pictures: list[Path]) -> None:
        self.services.answers.ask(caller, Question.of(text, [*map(picture_at, pictures)]))
        self.services.history.save_search(caller, text[:8], text, {})
        self.services.accounts.make_key(caller, f"phone{len(pictures)}", ["ask"])
        self.assistant.library.jobs.add("ask", {"text": text}, title="ask", asked=JobRequest(by=caller.session))

    def uploads(self) -> list[str]:
        return sorted(path.name for path in (self.data / "uploads").rglob("*") if path.is_file())

    def holds(self, text: str) -> list[str]:
        """Files whose bytes hold it."""
        files = [path for path in self.data.rglob("*") if path.is_file()]
        return sorted(path.name for path in files if text.encode() in path.read_bytes())

    def close(self) -> None:
        self.services.answers.engine.close()
        self.accounts.close()
        self.assistant.close()


def picture_at(path: Path) -> Picture:
    return Picture(name=path.name, path=str(path))


@pytest.fixture
def house(tmp_path):
    house = Erased(tmp_path)
    yield house
    house.close()


def test_all_that_is_somebodys_goes_with_the_account_and_a_search_finds_none_of_it(house):
    assert house.holds(SECRET_WORDS)
    assert house.holds(house.ben.user)
    assert house.uploads() == ["his.png", "shared.png"]
    removed = house.services.accounts.remove_person(house.anna, house.ben.user, data=True)
    report = removed.report
    assert (report.conversations, report.questions, report.searches, report.tasks) == (2, 2, 2, 2)
    assert (report.files, removed.keys) == (1, 2)
    assert report.sought == (house.ben.user, hash_of(house.ben.session), SECRET_WORDS)
    assert report.leftovers == ()
    assert [house.holds(text) for text in report.sought] == [[], [], []]
    assert house.uploads() == ["shared.png"]
    assert [user.name for user in house.accounts.all()] == ["Anna"]
    newest = house.accounts.audit(limit=1)[0]
    assert (newest.name, newest.action, newest.target) == ("Anna", "account removed with its data", "Ben")


def test_what_others_have_stays(house):
    house.services.accounts.remove_person(house.anna, house.ben.user, data=True)
    (mine,) = house.services.history.list_conversations(house.anna, limit=9)
    (turn,) = house.services.history.list_turns(house.anna, mine.id)
    assert turn.question == HERS
    assert [saved.name for saved in house.services.history.list_searches(house.anna)] == [HERS[:8]]
    assert len(house.assistant.library.jobs.find(by=house.anna.session, limit=-1)) == 1
    assert [key.name for key in house.services.accounts.list_keys(house.anna)] == ["phone1"]
    assert house.assistant.store.counts().sources == 1


@pytest.mark.campaign(times=1, only=True)
def test_without_data_the_conversations_stay(house):
    removed = house.services.accounts.remove_person(house.anna, house.ben.user)
    assert removed.report is None
    assert house.holds(SECRET_WORDS)


@pytest.mark.campaign(times=1, only=True)
def test_what_is_still_there_is_said(house):
    (house.data / "note.txt").write_text(f"Ben asked: {SECRET_WORDS}")
    report = house.services.accounts.remove_person(house.anna, house.ben.user, data=True).report
    assert [Path(found.path).name for found in report.leftovers] == ["note.txt"]


def test_the_last_owner_keeps_account_and_data(house):
    with pytest.raises(Conflict):
        house.services.accounts.remove_person(house.anna, house.anna.user, data=True)
    assert not house.accounts.find(house.anna.user).is_disabled
    assert house.services.history.list_conversations(house.anna, limit=9)


@pytest.mark.campaign(times=1, only=True)
def test_whoever_else_keeps_something_is_told_of_the_session(house):
    told: list[str] = []
    erasure = replace(house.services.accounts.erasure, erasers=[lambda session: told.append(session) or 3])
    report = (
        replace(house.services.accounts, erasure=erasure).remove_person(house.anna, house.ben.user, data=True).report
    )
    assert told == [house.ben.session]
    assert report.files == 4
