"""A model by name scores texts as its makers' recipe says, and only the order of what was found changes by it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_lm import tiny_tokenizer as byte_tokenizer
from tiny_rankers import (
    gold_digger,
    random_bert,
    random_cross_encoder,
    random_qwen2,
    random_xlm_roberta,
    save_ranker,
    tiny_tokenizer,
)

from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.retrieval.passages import RERANK, join_orders, order_texts, reorder_passages
from deepseek_mm.retrieval.reranker import (
    E5,
    JINA_CODE,
    CrossEncoder,
    EncoderRecipe,
    TextEncoder,
    find_recipe,
    open_reranker,
    read_recipe,
)
from deepseek_mm.types import Evidence
from index import Region, Source

TEXTS = ["gold", "the garden is open", "the deposit is paid in advance", "gold coins are paid"]
ASKED = "how much is the deposit"


def open_tiny(folder: Path, model, name: str = "tiny/ranker"):
    return open_reranker(save_ranker(folder, model), name=name, dtype=torch.float32)


def states_of(model, text: str) -> np.ndarray:
    tokenizer = byte_tokenizer() if model.config.model_type == "qwen2" else tiny_tokenizer()
    tokens = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        return model(input_ids=tokens["input_ids"]).last_hidden_state[0].numpy()


def cosines(vectors) -> list[float]:
    first, *others = [vector / np.linalg.norm(vector) for vector in vectors]
    return [float(other @ first) for other in others]


def test_a_cross_encoder_gives_the_logit_of_question_and_text_read_together(tmp_path):
    model = random_cross_encoder()
    opened = open_tiny(tmp_path, model)
    pairs = [tiny_tokenizer()(ASKED, text, return_tensors="pt") for text in TEXTS]
    with torch.inference_mode():
        expected = [model(input_ids=pair["input_ids"]).logits.item() for pair in pairs]
    assert isinstance(opened, CrossEncoder)
    assert opened.score(ASKED, TEXTS) == pytest.approx(expected, abs=1e-5)
    assert opened.score(ASKED, TEXTS[::-1]) == pytest.approx(expected[::-1], abs=1e-5)  # known by now


def test_an_encoder_without_a_recipe_compares_the_means_of_states(tmp_path):
    model = random_xlm_roberta()
    opened = open_tiny(tmp_path, model)
    expected = cosines([states_of(model, text).mean(axis=0) for text in (ASKED, *TEXTS)])
    assert isinstance(opened, TextEncoder)
    assert opened.score(ASKED, TEXTS) == pytest.approx(expected, abs=1e-5)


def test_an_e5_model_is_asked_with_the_words_of_its_makers(tmp_path):
    model = random_xlm_roberta()
    opened = open_tiny(tmp_path, model, "intfloat/multilingual-e5-small@0123abc")
    texts = [f"query: {ASKED}", *(f"passage: {text}" for text in TEXTS)]
    expected = cosines([states_of(model, text).mean(axis=0) for text in texts])
    assert opened.score(ASKED, TEXTS) == pytest.approx(expected, abs=1e-5)


def test_an_encoder_that_was_made_of_a_decoder_is_read_at_the_last_token_that_is_there(tmp_path):
    model = random_qwen2()
    opened = open_tiny(tmp_path, model)
    expected = cosines([states_of(model, text)[-1] for text in (ASKED, *TEXTS)])
    assert opened.score(ASKED, TEXTS) == pytest.approx(expected, abs=1e-5)
    told = open_tiny(tmp_path / "head", random_qwen2(speaks=True))  # its head for words is not needed
    assert isinstance(told, TextEncoder)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("intfloat/multilingual-e5-small", E5),
        ("/models/e5-base-v2/", E5),
        ("jinaai/jina-code-embeddings-0.5b@abc", JINA_CODE),
        ("intfloat/multilingual-e5-large-instruct", None),  # wants an instruction
        ("intfloat/e5-mistral-7b-instruct", None),
        ("BAAI/bge-m3", None),
    ],
)
def test_what_stands_before_texts_is_known_by_the_name_of_the_model(name, recipe):
    assert find_recipe(name) == recipe


def test_what_stands_beside_the_weights_says_how_an_encoder_is_asked(tmp_path):
    (tmp_path / "1_Pooling").mkdir()
    pooling = {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    prompts = {"prompts": {"query": "Q: ", "document": "D: "}}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    assert read_recipe(tmp_path, "qwen2") == EncoderRecipe(pooling="first", question="Q: ", text="D: ")
    assert read_recipe(tmp_path / "nothing", "qwen2") == EncoderRecipe(pooling="last")


def test_a_text_that_is_too_long_is_read_in_part(tmp_path):
    for folder, model in (("cross", random_cross_encoder()), ("texts", random_xlm_roberta())):
        (score,) = open_tiny(tmp_path / folder, model).score("gold " * 500, ["coins " * 500])
        assert np.isfinite(score)


def test_a_model_that_sorts_into_classes_is_no_reranker(tmp_path):
    with pytest.raises(BadCheckpoint, match=r"sorts texts into 3 classes.*Name a reranker"):
        open_tiny(tmp_path, random_cross_encoder(labels=3))


def test_weights_that_are_missing_are_refused_unless_nothing_needs_them(tmp_path):
    assert open_tiny(tmp_path / "bert", random_bert(head=False)).score(ASKED, TEXTS)
    config = json.loads((save_ranker(tmp_path / "cross", random_cross_encoder()) / "config.json").read_text())
    folder = save_ranker(tmp_path / "no", random_bert())
    (folder / "config.json").write_text(json.dumps(config))  # says that it has a head that ranks
    with pytest.raises(BadCheckpoint, match="classifier"):
        open_reranker(folder, name="tiny/no", dtype=torch.float32)


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_that_is_not_whole_is_refused(tmp_path, lost):
    folder = save_ranker(tmp_path, random_cross_encoder())
    (folder / lost).unlink()
    with pytest.raises(BadCheckpoint, match="cannot read"):
        open_reranker(folder, name="tiny/lost", dtype=torch.float32)


def test_a_pickle_is_not_read(tmp_path):
    folder = save_ranker(tmp_path, random_cross_encoder())
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(BadCheckpoint):
        open_reranker(folder, name="tiny/pickle", dtype=torch.float32)


def test_weights_that_give_no_numbers_are_refused(tmp_path):
    model = random_cross_encoder()
    torch.nn.init.constant_(model.classifier.bias, float("nan"))
    with pytest.raises(BadCheckpoint, match="it scores texts with"):
        open_tiny(tmp_path, model)


def found(*texts: str) -> list[Evidence]:
    """Passages that were found, each worth a tenth less than the one before."""
    source = Source(path="/docs/lease.txt", kind="document")
    regions = [Region(id=n, source=source, kind="text", box_px=(0, 0, 0, 0), text=text) for n, text in enumerate(texts)]
    return [Evidence(number=1, region=region, score=0.9 - 0.1 * n) for n, region in enumerate(regions)]


def test_the_order_is_the_models_and_each_place_keeps_its_worth(tmp_path):
    before = found("the deposit", "coins", "gold coins", "gold gold")
    after = reorder_passages(ASKED, before, open_tiny(tmp_path, gold_digger()).score)
    assert [entry.region.text for entry in after] == ["gold gold", "gold coins", "coins", "the deposit"]
    assert [entry.score for entry in after] == [entry.score for entry in before]


def test_the_order_of_an_encoder_is_joined_with_the_one_that_was_given():
    score = join_orders(lambda question, texts: [float(text) for text in texts])
    assert score(ASKED, ["1", "2"]) == pytest.approx([0.9 / 4 + 1 / 5, 0.9 / 5 + 1 / 4])
    assert order_texts(ASKED, ["1", "2"], score) == [1, 0]
    assert order_texts(ASKED, ["2", "1", "1", "1", "9"], score) == [0, 4, 1, 2, 3]  # the first, and second for it


def test_without_a_model_everything_stays_as_it_was():
    before = found("b", "a")
    assert reorder_passages(ASKED, before, None) == before


def test_only_the_first_ones_are_read_and_the_others_stay_behind_them():
    read = []

    def score(question: str, texts: list[str]) -> list[float]:
        read.extend(texts)
        return [float(text) for text in texts]

    texts = [str(n) for n in range(RERANK.candidates + 3)]
    order = order_texts(ASKED, texts, score)
    assert read == texts[: RERANK.candidates]
    assert order == [*range(RERANK.candidates - 1, -1, -1), *range(RERANK.candidates, RERANK.candidates + 3)]
