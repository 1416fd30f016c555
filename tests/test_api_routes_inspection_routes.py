"""What happened inside an answer, over HTTP: values, a picture, and nothing for strangers."""

from dataclasses import replace

import pytest
from inspections import Mixture
from service import house_in

from deepseek_mm.accounts.permissions import LOCAL, Caller
from deepseek_mm.types import Question

STRANGER = Caller(name="stranger", rights=frozenset({"ask"}), session="key:stranger")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    with house_in(tmp_path_factory.mktemp("inside")) as house:
        yield house


def test_experts_tokens_and_layers_of_an_answer_are_told_as_values(house):
    house.assistant.lm = Mixture("Yes, I can see a kite in red.png [1].")
    answer = house.assistant.ask(Question(text="Is there a kite?", session=LOCAL.session))
    address = f"/history/{answer.conversation}/turns/{answer.turn}/inspection"
    told = house.caller().get(address).json()
    run = told["texts"][0]["run"]
    assert (told["wording"], run["layers"], run["experts"][1]["name"]) == ("model", [2, 3], "witness")
    weights = [[0.75, 0.25], [0.65, 0.35]]
    assert run["tokens"][0] == {"text": "Yes,", "chance": 0.5, "experts": [[1, 0], [0, 1]], "weights": weights}
    assert [reach["stage"] for reach in told["reaches"]] == ["local", "global", "sparse", "growing"]
    assert house.caller(STRANGER).get(address).status_code == 404


def test_the_picture_is_a_file_to_be_saved(house):
    answer = house.asked()
    drawn = house.caller().get(f"/history/{answer.conversation}/turns/{answer.turn}/inspection/picture")
    assert (drawn.status_code, drawn.headers["content-type"]) == (200, "image/svg+xml")
    assert drawn.headers["content-disposition"].startswith("attachment;")
    assert drawn.text.startswith("<svg")


def test_an_answer_that_is_not_there_is_not_looked_into(house):
    answer = replace(house.asked(), turn=10**6)
    assert house.caller().get(f"/history/{answer.conversation}/turns/{answer.turn}/inspection").status_code == 404
