"""Things that are named in free words: where they are, how probable they are, and who may ask."""

import base64
import io

import pytest
from fakes import picture
from PIL import Image
from rag_house import build, paint, put
from serve_help import As
from starlette.testclient import TestClient
from test_answering_closed_vqa import PaintReader
from test_answering_grounder import Hand

from deepseek_mm.accounts.permissions import Caller
from deepseek_mm.answering.closed_vqa import Decider
from deepseek_mm.answering.grounder import Grounder
from deepseek_mm.api.app import build_api
from deepseek_mm.api.routes.grounding_routes import DetectIn
from deepseek_mm.errors import BadQuestion, ConfigError, Forbidden, NothingThere
from deepseek_mm.services.grounding_service import GroundingService
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.types import Picture, Question

ASKER = Caller(name="me", session="key:me", rights=frozenset(("ask",)))
OTHER = Caller(name="other", session="key:other", rights=frozenset(("page",)))
SCRIPT = {"is there a hat?": {"yes": 0.999, "no": 0.001}, "is there a green hat?": {"yes": 0.999, "no": 0.001}}
PLACES = ((0.5, 0.5, 0.75, 1.0), (0.0, 0.0, 0.25, 0.25))


@pytest.fixture
def house(tmp_path):
    with build(tmp_path / "library", name="none") as assistant:
        put(assistant, paint(tmp_path, "hat.png", "blue", "red"))
        assistant.eyes.pointer = Hand(*PLACES, boxed=True)
        assistant.eyes.reader = PaintReader(SCRIPT)
        assistant.photos.finger = Grounder(assistant.eyes, Decider(assistant.eyes, None), assistant.config)
        yield assistant


def looked(house, *things, least=0.5, size=(640, 480)):
    image = picture("blue", patch="red")
    return GroundingService(assistant=house).detect_in_picture(ASKER, image, size, things, least).things


def test_a_thing_has_its_boxes_in_pixels_of_the_original_each_as_sure_as_it_is_beside_the_first(house):
    (hat,) = looked(house, "the hats")
    first, second = hat.boxes
    assert (hat.asked, hat.understood) == ("the hats", "hat")
    assert (first.box_px, second.box_px) == ((320, 240, 480, 480), (0, 0, 160, 120))
    assert (first.middle_px, second.middle_px) == ((400, 360), (80, 60))
    assert first.score == hat.score > 0.5
    assert second.score == pytest.approx(hat.score * 0.6 / 0.9)


def test_a_thing_that_is_hardly_there_has_no_boxes_unless_they_are_asked_for(house):
    hat, cup = looked(house, "hat", "cup")
    assert hat.boxes
    assert cup.score < 0.5
    assert not cup.boxes
    assert looked(house, "cup", least=0.0)[0].boxes


def test_where_nothing_has_the_colour_that_is_asked_for_the_thing_is_not_there(house):
    house.eyes.pointer = Hand()
    plain, green = looked(house, "hat", "green hat")
    assert green.score == pytest.approx(plain.score / 10, rel=0.05)


def test_a_picture_that_shows_nothing_has_no_things(house):
    service = GroundingService(assistant=house)
    (hat,) = service.detect_in_picture(ASKER, Image.new("RGB", (64, 48)), (64, 48), ["hat"], 0.0).things
    assert (hat.score, hat.boxes) == (0.0, ())


def test_without_things_whatever_is_seen_is_told(house):
    (red,) = looked(house)
    assert (red.asked, red.boxes[0].box_px) == ("kite", (0, 0, 320, 240))


@pytest.mark.parametrize("thing", ["", "a cat and a dog", "?"])
def test_words_that_do_not_name_one_thing_are_refused(house, thing):
    with pytest.raises(BadQuestion, match="does not name one thing"):
        looked(house, thing)
    with pytest.raises(BadQuestion, match="21 things are asked for, and 20"):
        looked(house, *["hat"] * 21)


def test_a_space_that_tells_no_places_says_what_to_start_with(house):
    house.eyes.pointer = None
    with pytest.raises(ConfigError, match=r"encoder\.name=default"):
        looked(house, "hat")


def test_who_may_not_ask_may_not_look_and_pictures_of_questions_are_nobodys_files(house):
    service = GroundingService(assistant=house)
    with pytest.raises(Forbidden, match="needs the right 'ask'"):
        service.detect_in_source(OTHER, 1, 0, ["hat"])
    with pytest.raises(Forbidden, match="needs the right 'ask'"):
        service.detect_in_picture(OTHER, picture("red"), (64, 48), ["hat"])
    asked = Question.of("What is this?", [Picture(image=picture("green", patch="blue"), name="a.png")], session="me")
    house.ask(asked)
    with pytest.raises(NothingThere, match="no file 2 in the library"):
        service.detect_in_source(ASKER, 2, 0, ["hat"])


def test_boxes_and_points_come_over_http_of_a_sent_picture_and_of_a_file(house):
    api = build_api(house, SettingsFile.of(house.config))
    client = TestClient(As(api.app, ASKER), raise_server_exceptions=False)
    out = io.BytesIO()
    picture("blue", patch="red", size=(2000, 1000)).save(out, "PNG")
    sent = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    told = client.post("/detect", json={"picture": sent, "things": ["hat"]}).json()
    assert (told["width_px"], told["height_px"]) == (2000, 1000)  # though a smaller copy is looked at
    assert told["things"][0]["boxes"][0]["box_px"] == [1000, 500, 1500, 1000]
    pointed = client.post("/point", json={"source": 1, "things": ["hat", "cup"]}).json()
    assert (pointed["width_px"], pointed["height_px"]) == (64, 48)
    hat, cup = pointed["things"]
    assert [(point["x_px"], point["y_px"]) for point in hat["points"]] == [(40, 36), (8, 6)]
    assert (cup["thing"], cup["points"]) == ("cup", [])
    assert client.post("/point", json={"source": 1, "things": []}).status_code == 422
    for both in ({}, {"source": 1, "picture": sent}):
        refused = client.post("/detect", json=both)
        assert (refused.status_code, "name one picture" in refused.json()["detail"]) == (422, True)
    api.close()


def test_what_is_sent_names_nothing_that_is_not_known():
    with pytest.raises(ValueError, match="thing\n"):
        DetectIn(source=1, thing="hat")
