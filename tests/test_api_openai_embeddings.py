"""Vectors through the client of OpenAI and through langchain's, from a space that knows colours."""

import numpy as np
import openai
import pytest
from fakes import ColourSpace, picture
from langchain_openai import OpenAIEmbeddings
from openai_house import DataPictures, data_url, offering
from rag_house import build

from deepseek_mm.api.openai.embeddings import embeddings
from deepseek_mm.api.openai.errors import UnsupportedRequest
from deepseek_mm.api.openai.schemas import EmbeddingRequest

MODEL = "deepseek-mm-embed"
SPACE = ColourSpace()


class NoEngine:
    """Nothing may come this far."""


class Reader(ColourSpace):
    """Reads three words of a text."""

    max_tokens = 3

    def count_tokens(self, texts):
        return [len(text.split()) for text in texts]

    def embed_code(self, codes):
        return -self.embed_texts(codes)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    assistant = build(tmp_path_factory.mktemp("embed") / "data", space=Reader())
    with offering(assistant) as client:
        yield client
    assistant.close()


def image_part(colour):
    return {"type": "image_url", "image_url": {"url": data_url(picture(colour))}}


def vectors(client, given, **options):
    reply = client.embeddings.create(model=MODEL, input=given, **options)
    assert [each.index for each in reply.data] == list(range(len(reply.data)))
    return np.array([each.embedding for each in reply.data], np.float32)


def test_texts_become_the_vectors_of_the_space_in_their_order(client):
    texts = ["a red kite", "green grass", "blue"]
    assert np.array_equal(vectors(client, texts), SPACE.embed_texts(texts))  # the client asks for base64
    assert np.allclose(vectors(client, texts, encoding_format="float"), SPACE.embed_texts(texts))
    assert np.array_equal(vectors(client, "blue"), SPACE.embed_texts(["blue"]))


def test_texts_and_pictures_may_be_mixed_and_keep_their_places(client):
    mixed = vectors(client, [image_part("red"), "green", image_part("blue"), {"type": "text", "text": "red"}])
    assert np.array_equal(mixed[[1, 3]], SPACE.embed_texts(["green", "red"]))
    assert np.array_equal(mixed[[0, 2]], SPACE.embed_images([picture("red"), picture("blue")]))
    assert mixed[0] @ mixed[3] > mixed[0] @ mixed[1]
    assert np.array_equal(vectors(client, image_part("red")), SPACE.embed_images([picture("red")]))


def test_code_has_a_model_of_its_own(client):
    reply = client.embeddings.create(model="deepseek-mm-embed-code", input="red", encoding_format="float")
    assert np.allclose(reply.data[0].embedding, -SPACE.embed_texts(["red"])[0])


def test_what_was_read_is_counted_and_what_was_not_is_said(client):
    reply = client.embeddings.create(model=MODEL, input=["one two", "one two three four"])
    assert (reply.usage.prompt_tokens, reply.usage.total_tokens) == (2 + 3, 2 + 3)
    assert reply.truncated == [1]


@pytest.mark.parametrize(
    ("options", "param", "words"),
    [
        ({"input": []}, "input", "0 inputs"),
        ({"input": ["a"] * 2049}, "input", "2,049 inputs"),
        ({"input": ["a", " "]}, "input", "input 1 is empty"),
        ({"input": ["a" * 100_001]}, "input", "100,001 characters"),
        ({"input": [1, 2, 3]}, "input", "check_embedding_ctx_length=False"),
        ({"input": [[1, 2], [3]]}, "input", "check_embedding_ctx_length=False"),
        ({"input": "a", "dimensions": 8}, "dimensions", "32"),
        ({"input": "a", "extra_body": {"truncate": "end"}}, "truncate", "no field"),
    ],
)
def test_what_cannot_be_embedded_is_refused_with_a_next_step(client, options, param, words):
    with pytest.raises(openai.BadRequestError, match=words) as caught:
        client.embeddings.create(model=MODEL, **options)
    assert caught.value.param == param


def test_more_pictures_than_allowed_are_refused_before_one_is_opened():
    pictures = DataPictures()
    request = EmbeddingRequest(model=MODEL, input=[image_part("red")] * 65)
    with pytest.raises(UnsupportedRequest, match="65 pictures"):
        embeddings(SPACE, NoEngine(), request, pictures)
    assert pictures.opened == 0


def test_the_width_that_vectors_have_may_be_asked_for(client):
    assert vectors(client, "red", dimensions=32).shape == (1, 32)


def test_a_chat_model_gives_no_vectors(client):
    with pytest.raises(openai.NotFoundError, match="deepseek-mm-embed"):
        client.embeddings.create(model="deepseek-mm", input="a")


def test_langchain_embeds_documents_and_questions(client):
    options = {"base_url": str(client.base_url), "api_key": "none", "check_embedding_ctx_length": False}
    embed = OpenAIEmbeddings(model=MODEL, **options)
    assert np.allclose(embed.embed_documents(["red", "blue"]), SPACE.embed_texts(["red", "blue"]))
    assert np.allclose(embed.embed_query("red"), SPACE.embed_texts(["red"])[0])
