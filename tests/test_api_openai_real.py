"""The packaged models behind OpenAI's endpoints: a bundled photo, a schema, vectors of a picture and of words."""

import base64
import json

import numpy as np
import pytest
from openai_house import offering
from serving import ROOT

from deepseek_mm.config import Config
from deepseek_mm.factory import load

pytestmark = [pytest.mark.slow, pytest.mark.campaign(times=1, only=True)]
PHOTOS = ROOT / "examples" / "photos"
SCHEMA = {"type": "object", "properties": {"fruit": {"enum": ["apple", "pear"]}}, "required": ["fruit"]}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with load(Config(data=tmp_path_factory.mktemp("real") / "library")) as assistant, offering(assistant) as client:
        yield client


def photo(name):
    data = base64.b64encode((PHOTOS / name).read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}


def test_a_photo_that_comes_along_is_answered_in_a_stream_and_asked_about_again(client):
    first = {"role": "user", "content": [{"type": "text", "text": "Is there a cat?"}, photo("cat.jpg")]}
    chunks = list(client.chat.completions.create(model="deepseek-mm", messages=[first], stream=True))
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said.startswith("Yes")
    assert chunks[-1].choices[0].delta.citations[0]["label"] == "cat"
    talk = [first, {"role": "assistant", "content": said}, {"role": "user", "content": "Is there a dog in it?"}]
    reply = client.chat.completions.create(model="deepseek-mm", messages=talk)
    assert reply.choices[0].message.content.startswith("No")
    assert reply.usage.prompt_tokens > len(said.split())


def test_the_packaged_language_model_keeps_to_a_schema_and_stops_where_told(client):
    wanted = {"type": "json_schema", "json_schema": {"name": "fruit", "schema": SCHEMA}}
    talk = [{"role": "user", "content": "Name a fruit."}]
    reply = client.chat.completions.create(model="deepseek-mm-lm", messages=talk, response_format=wanted)
    assert json.loads(reply.choices[0].message.content)["fruit"] in ("apple", "pear")


def test_words_are_nearer_to_their_photo_than_to_another_and_long_ones_are_named(client):
    given = ["a cup of coffee", photo("coffee.jpg"), photo("cat.jpg"), "word " * 200]
    reply = client.embeddings.create(model="deepseek-mm-embed", input=given)
    words, coffee, cat, _ = (np.array(each.embedding) for each in reply.data)
    assert words.shape == (512,)
    assert words @ coffee > words @ cat
    assert reply.truncated == [3]
    assert reply.usage.prompt_tokens == 6 + 128  # [CLS] a cup of coffee [SEP], and what is read of the long one
