"""What the History tab does, over HTTP: one's own conversations, as lists, as turns, as files, and what one thinks."""

import pytest
from service import STRANGER, house_in

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.types import Question


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with house_in(tmp_path_factory.mktemp("past")) as house:
        yield house


@pytest.fixture
def me(house):
    return house.caller()


def test_conversations_are_listed_and_searched_by_their_words(house, me):
    zebra = house.asked("Is there a zebra?").conversation
    house.asked("Is there a yak?")
    assert [each["id"] for each in me.get("/history", params={"text": "zebra"}).json()["items"]] == [zebra]
    assert me.get("/history", params={"limit": 1}).json()["next_offset"] == 1


def test_turns_come_from_the_newest_backwards(house, me):
    first = house.asked("one")
    second = house.asked("two", conversation=first.conversation)
    address = f"/history/{first.conversation}/turns"
    page = me.get(address, params={"last": 1}).json()
    assert [[turn["question"] for turn in page["turns"]], page["before"]] == [["two"], second.turn]
    rest = me.get(address, params={"last": 1, "before": page["before"]}).json()
    assert [[turn["question"] for turn in rest["turns"]], rest["before"]] == [["one"], None]
    assert rest["turns"][0]["answer"]["citations"][0]["picture"] == "/library/sources/1/picture"


def test_a_strangers_conversation_does_not_exist(house):
    mine, stranger = house.asked(), house.caller(STRANGER)
    one = f"/history/{mine.conversation}"
    for method, address in (
        ("GET", one),
        ("GET", f"{one}/turns"),
        ("GET", f"{one}/export"),
        ("DELETE", one),
        ("DELETE", f"{one}/turns/{mine.turn}"),
        ("GET", f"{one}/turns/{mine.turn}/pictures/1"),
        ("POST", f"{one}/undelete"),
    ):
        assert stranger.request(method, address).status_code == 404
    assert stranger.post(f"{one}/branch", json={"after": mine.turn}).status_code == 404
    assert stranger.put(f"/feedback/{mine.turn}", json={"rating": "up"}).status_code == 404
    assert stranger.get("/history").json()["total"] == 0


def test_a_conversation_gets_another_name_and_is_pinned(house, me):
    number = house.asked().conversation
    changed = me.patch(f"/history/{number}", json={"title": "Kites", "pinned": True}).json()
    assert (changed["title"], changed["pinned"]) == ("Kites", True)
    assert me.get("/history").json()["items"][0]["id"] == number
    assert me.patch(f"/history/{number}", json={"pinned": False}).json()["title"] == "Kites"


def test_what_was_deleted_is_brought_back(house, me):
    number = house.asked().conversation
    me.delete(f"/history/{number}")
    assert me.get(f"/history/{number}").status_code == 404
    assert me.post(f"/history/{number}/undelete").json()["id"] == number
    assert me.get(f"/history/{number}").status_code == 200


def test_a_branch_goes_on_after_the_turn_that_was_named(house, me):
    first = house.asked("one")
    house.asked("two", conversation=first.conversation)
    branch = me.post(f"/history/{first.conversation}/branch", json={"after": first.turn})
    assert (branch.status_code, branch.json()["parent"], branch.json()["num_turns"]) == (201, first.conversation, 1)
    assert me.post(f"/history/{first.conversation}/branch", json={"after": 0}).status_code == 409


def test_only_the_last_turn_is_taken_back(house, me):
    first = house.asked("one")
    second = house.asked("two", conversation=first.conversation)
    turns = f"/history/{first.conversation}/turns"
    assert me.delete(f"{turns}/{first.turn}").status_code == 409
    assert me.delete(f"{turns}/{second.turn}").json()["num_turns"] == 1
    assert me.delete(f"{turns}/{second.turn}").status_code == 404


@pytest.mark.parametrize(
    ("kind", "media_type"), [("markdown", "text/markdown"), ("html", "text/html"), ("json", "application/json")]
)
def test_an_export_is_a_download_and_never_a_page_of_this_server(house, me, kind, media_type):
    number = house.asked().conversation
    file = me.get(f"/history/{number}/export", params={"kind": kind})
    assert file.headers["content-type"].startswith(media_type)
    assert file.headers["content-disposition"].startswith("attachment;")
    assert "sandbox" in file.headers["content-security-policy"]


def test_what_was_exported_comes_back_as_a_conversation_of_whoever_takes_it_in(house, me):
    number = house.asked("Is there a gnu?").conversation
    data = me.get(f"/history/{number}/export").content
    stranger = house.caller(STRANGER)
    taken = stranger.post("/history/import", files={"file": ("kite.json", data)})
    assert (taken.status_code, taken.json()["title"]) == (201, "Is there a gnu?")
    stranger.delete(f"/history/{taken.json()['id']}")
    assert stranger.post("/history/import", files={"file": ("kite.json", data[:-9])}).status_code == 422


def test_a_picture_that_came_with_a_question_is_its_askers_alone(house, me):
    folder = house.assistant.config.data.absolute() / "uploads" / "0123"
    folder.mkdir(parents=True)
    folder.joinpath("kite.png").write_bytes(house.photos[0].read_bytes())
    question = Question(text="What is this?", image_name="kite.png", session=LOCAL.session)
    number, turn = house.assistant.history.begin(
        question,
        image_path=str(folder / "kite.png"),
        settings={},
        fingerprint="",
        more=[("hosts", "/etc/hosts")],
    )
    pictures = me.get(f"/history/{number}/turns").json()["turns"][0]["pictures"]
    assert [each["name"] for each in pictures] == ["kite.png", "hosts"]
    assert me.get(pictures[0]["picture"]).headers["content-type"] == "image/jpeg"
    assert house.caller(STRANGER).get(pictures[0]["picture"]).status_code == 404
    assert me.get(pictures[1]["picture"]).status_code == 404  # wherever a path points, only uploads are shown
    assert me.get(f"/history/{number}/turns/{turn}/pictures/3").status_code == 404


def test_a_program_is_run_over_the_photo_that_an_answer_cites(house, me):
    answer = house.asked()
    address = f"/history/{answer.conversation}/turns/{answer.turn}/program"
    told = me.post(address, json={"program": 'count(filter(all(), "unicorn"))'}).json()
    assert (told["answer"], told["steps"][0]["call"]) == ("0", "all()")
    wrong = me.post(address, json={"program": "count(("})
    assert (wrong.status_code, wrong.json()["type"].rpartition(":")[2]) == (422, "bad-program")


def test_feedback_is_kept_with_the_turn_and_listed_for_its_giver(house, me):
    turn = house.asked().turn
    assert me.put(f"/feedback/{turn}", json={"rating": "down"}).json() == {"rating": "down"}
    box = {"number": 1, "box_px": [1, 2, 30, 40], "label": " bird "}
    assert me.post(f"/feedback/{turn}/boxes", json=box).json()["label"] == "bird"
    (told,) = me.get("/feedback").json()["items"]
    assert (told["id"], told["rating"], told["boxes"][0]["box_px"]) == (turn, "down", [1, 2, 30, 40])
    assert house.caller(STRANGER).get("/feedback").json()["total"] == 0


def test_a_wrong_understanding_is_corrected_and_listed_for_its_giver(house, me):
    turn = house.assistant.ask(Question(text="Is there a kite?", session=LOCAL.session)).turn
    meant = {"understood": {"acts": [{"kind": "count", "subject": "kites"}], "language": "de"}}
    assert me.put(f"/feedback/{turn}/understood", json=meant).status_code == 200
    (kept,) = [each for each in me.get("/feedback").json()["items"] if each["id"] == turn]
    assert (kept["answer"]["understood"]["acts"][0]["kind"], kept["meant"]["acts"][0]["kind"]) == ("look", "count")
    assert (kept["meant"]["acts"][0]["text"], kept["meant"]["language"]) == ("Is there a kite?", "de")
    assert house.caller(STRANGER).put(f"/feedback/{turn}/understood", json=meant).status_code == 404
    assert me.put(f"/feedback/{turn}/understood", json={"understood": None}).status_code == 200
    assert [each for each in me.get("/feedback").json()["items"] if each["id"] == turn] == []


def test_an_understanding_of_an_unknown_kind_is_refused_with_what_is_wrong(house, me):
    wrong = {"understood": {"acts": [{"kind": "fly"}]}}
    refused = me.put(f"/feedback/{house.asked().turn}/understood", json=wrong)
    assert (refused.status_code, "understood.acts.0.kind" in refused.text) == (422, True)


@pytest.mark.parametrize(
    "box",
    [
        {"number": 2, "box_px": [1, 2, 3, 4]},
        {"number": 1, "box_px": [3, 2, 1, 4]},
        {"number": 1, "box_px": [-1, 2, 3, 4]},
    ],
)
def test_a_box_that_fits_no_citation_or_has_no_area_is_refused(house, me, box):
    assert me.post(f"/feedback/{house.asked().turn}/boxes", json=box).status_code == 422


def test_a_rating_that_is_none_and_an_empty_title_are_refused(house, me):
    answer = house.asked()
    assert me.put(f"/feedback/{answer.turn}", json={"rating": "great"}).status_code == 422
    assert me.patch(f"/history/{answer.conversation}", json={"title": ""}).status_code == 422
