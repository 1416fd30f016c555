"""A question, a photo and a model that looks at it: through the Assistant and through the command line."""

import io
import json

import pytest
from fakes import picture
from rag_house import build, paint, put
from test_answering_closed_vqa import PaintReader
from tiny_lm import save_tiny
from tiny_vlm import Leans, Recites, save_vlm, tiny_vlm

from deepseek_mm.__main__ import main
from deepseek_mm.answering.closed_vqa import Decider
from deepseek_mm.lm import open_generator
from deepseek_mm.lm.backends.vision_language_model import VisionLanguageModel
from deepseek_mm.terminal import Desk
from deepseek_mm.types import Question

KITE = picture("green", patch="red")


class Watched(VisionLanguageModel):
    """Writes down how many pictures it was shown."""

    def __init__(self, head) -> None:
        model, processor = tiny_vlm()
        model.lm_head = head
        super().__init__(model, processor, name="tiny", fingerprint="0123456789")
        self.shown = list[int]()

    def _read(self, messages, max_tokens):
        inputs = super()._read(messages, max_tokens)
        self.shown.append(inputs["pixel_values"].shape[1] if "pixel_values" in inputs else 0)
        return inputs


@pytest.fixture
def ask_with(tmp_path):
    """An Assistant of this model, and its answer about one picture."""
    houses = []

    def ask(lm, text: str, *, read: dict | None = None):
        house = build(tmp_path / "data", lm=lm, vlm="tiny", phrasing="auto")
        houses.append(house)
        if read is not None:
            house.eyes.reader = PaintReader(read)
            house.photos.decider = Decider(house.eyes, lm)
        return house, house.ask(Question(text=text, image=KITE, image_name="k.png"))

    yield ask
    for house in houses:
        house.close()


def test_a_model_that_looks_phrases_the_answer_and_is_named_in_it(ask_with):
    lm = Watched(Recites("Yes, I can see a kite in this photo [2]."))
    house, answer = ask_with(lm, "Is there a kite?")
    assert lm.shown == [1]
    assert answer.text == "Yes, I can see a kite in this photo [2]."
    assert answer.model == "tiny"
    assert house.about()["language model"] == "tiny"


def test_what_it_makes_up_is_dropped_and_the_programs_own_words_stand(ask_with):
    _, answer = ask_with(Watched(Recites("A queen rides a dragon [1].")), "Is there a kite?")
    assert "queen" not in answer.text
    assert "kite" in answer.text
    assert [check.claim for check in answer.checks if not check.kept] == ["A queen rides a dragon [1]."]


def test_it_is_asked_first_whether_the_thing_is_there(ask_with):
    read = {"is there a kite?": {"yes": 0.6, "no": 0.4}}
    lm = Watched(Leans({"Yes": 3.0, "No": 2.0}))
    _, answer = ask_with(lm, "Is there a kite?", read=read)
    said = {one.by: one for one in answer.verdict.said}
    assert (said["model"].answer, said["model"].chance) == ("yes", pytest.approx(0.731, abs=1e-3))
    assert lm.shown == [1, 1]  # for yes or no, then for the words


def test_a_model_that_breaks_loses_no_answer(ask_with):
    def trip() -> None:
        raise RuntimeError("no memory")

    read = {"is there a kite?": {"yes": 0.6, "no": 0.4}}
    _, answer = ask_with(Watched(Recites("", pause=trip)), "Is there a kite?", read=read)
    assert answer.text.startswith("Yes")
    assert [check.claim for check in answer.checks if not check.kept] == ["tiny failed"]
    assert {one.by for one in answer.verdict.said} == {"reader", "likeness", "labels"}


# the command line ------------------------------------------------------------------------------------------------


class Trip:
    """One command in a painted house whose language model is really opened."""

    def __init__(self, folder) -> None:
        self.folder, self.out, self.err = folder, io.StringIO(), io.StringIO()

    def load(self, config, progress):
        lm = open_generator(config.lm, cache=self.folder, progress=progress)
        return build(self.folder / "data", lm=lm, **{"vlm": config.lm.vlm, "phrasing": config.lm.phrasing})

    def __call__(self, *words: str) -> int:
        return main(words, Desk(out=self.out, err=self.err, load=self.load, environ={}, cwd=self.folder))


@pytest.fixture
def photo(tmp_path):
    return str(paint(tmp_path, "k.png", "green", "red"))


def test_a_folder_named_by_the_flag_is_opened_shown_the_photo_and_remembered(tmp_path, photo):
    trip = Trip(tmp_path)
    folder = str(save_vlm(tmp_path / "eyes"))
    assert trip("ask", "Is there a kite?", "--image", photo, "--vlm", folder, "--set", "lm.max_tokens=12") == 0
    assert "kite" in trip.out.getvalue()
    assert "loading the language model eyes, which sees" in trip.err.getvalue()
    with build(tmp_path / "data") as house:
        (turn,) = house.history.turns(1, session="")
    assert turn.settings["lm"]["vlm"] == folder


def test_a_library_is_searched_without_it(tmp_path, photo):
    with build(tmp_path / "data") as house:
        put(house, tmp_path / "k.png")
    trip = Trip(tmp_path)
    assert trip("search", "a red kite", "--vlm", "/no/such/folder", "--json") in (0, 1)
    assert json.loads(trip.out.getvalue())["hits"]


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("nobody/nothing", "hf download nobody/nothing"),
        ("/no/such/folder", "Name a folder that is there"),
        ("blind", "looks at no pictures"),
        ("empty", "it has no config.json"),
    ],
)
def test_a_model_that_cannot_be_had_is_one_line_with_a_next_step(tmp_path, photo, name, step):
    save_tiny(tmp_path / "blind")
    (tmp_path / "empty").mkdir()
    trip = Trip(tmp_path)
    named = str(tmp_path / name) if name in ("blind", "empty") else name
    assert trip("ask", "Is there a kite?", "--image", photo, "--vlm", named) == 2
    assert trip.err.getvalue().splitlines()[-1].startswith("deepseek-mm: ")
    assert step in trip.err.getvalue()
    assert "Traceback" not in trip.err.getvalue()
    assert trip.out.getvalue() == ""
