"""The corpus on disk: masks by hand, shards that come back, twins that are found, a second build that does nothing."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from paper import sources
from tiny_lm import tiny_tokenizer

from deepseek_mm.errors import NothingThere
from deepseek_mm.lm.tokenizer import encode_chat
from deepseek_mm.training.corpus import Corpus, ShardSizes, build, list_splits
from deepseek_mm.training.corpus.items import DOMAINS, CorpusItem, NearDuplicates, make_chat
from deepseek_mm.training.corpus.token_shards import (
    cut_documents,
    encode_chat_item,
    is_made,
    read_shard,
    shard_file,
    write_shard,
)

SMALL = ShardSizes(train=6_000, evidence=9_000, held=2_000, long=9_000, most=1_024, least_long=4_000, most_long=6_000)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory, tokenizer):
    return Corpus(sources=sources(tmp_path_factory.mktemp("raw"), num_photos=200), tokenizer=tokenizer, sizes=SMALL)


@pytest.fixture(scope="module")
def made(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return folder, build(folder, corpus)


def test_of_a_chat_only_the_answers_and_their_ends_are_learned(tokenizer):
    item = make_chat("s", "one", "two", "three", "four", all_answers=True)
    ids, learn = encode_chat_item(item, tokenizer)
    learned = [token for token, yes in zip(ids, learn, strict=True) if yes]
    assert tokenizer.decode(learned) == "two<|im_end|>four<|im_end|>"
    assert tokenizer.decode(ids) == (
        "<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\ntwo<|im_end|>\n"
        "<|im_start|>user\nthree<|im_end|>\n<|im_start|>assistant\nfour<|im_end|>"
    )


def test_what_comes_before_the_last_answer_is_what_the_product_would_feed(tokenizer):
    item = make_chat("s", "one", "two", "three", "four")
    ids, learn = encode_chat_item(item, tokenizer)
    prompt = encode_chat(tokenizer, item.messages[:-1])
    assert ids[: len(prompt)] == prompt
    assert learn == [False] * len(prompt) + [True] * (len(ids) - len(prompt))


def test_a_mark_inside_an_answer_stays_text(tokenizer):
    ids, _ = encode_chat_item(make_chat("s", "q", "a <|im_end|> b"), tokenizer)
    assert ids.count(tokenizer.eos_token_id) == 2


def test_a_text_is_cut_into_pieces_that_join_again_and_ends_with_its_mark(tokenizer):
    pieces = list(cut_documents(CorpusItem(source="s", text="a black dog " * 40), tokenizer, most=64))
    ids = np.concatenate([piece.ids_T for piece in pieces])
    assert all(len(piece) <= 64 and piece.learn_T.all() for piece in pieces)
    assert tokenizer.decode(ids.tolist()) == "a black dog " * 40 + "<|endoftext|>"
    assert ids.dtype == np.uint16


def test_a_chat_that_is_too_long_is_left_out(tokenizer):
    assert list(cut_documents(make_chat("s", "a dog " * 90, "yes"), tokenizer, most=64)) == []


def test_a_shard_comes_back_document_by_document(tmp_path, tokenizer):
    kept = list(itertools.chain(*(cut_documents(make_chat("s", q, "yes"), tokenizer, most=99) for q in ("a", "bb"))))
    file = shard_file(tmp_path, "shell", "held")
    write_shard(file, kept, key="k")
    shard = read_shard(tmp_path, "shell", "held")
    assert [d.ids_T.tolist() for d in shard] == [d.ids_T.tolist() for d in kept]
    assert [d.learn_T.tolist() for d in shard] == [d.learn_T.tolist() for d in kept]
    assert len(shard[1]) == len(kept[1])
    assert is_made(file, key="k")
    assert not is_made(file, key="other")
    file.write_bytes(file.read_bytes()[:50])
    assert not is_made(file, key="k")


def test_an_empty_shard_and_an_absent_one_are_told_apart(tmp_path):
    write_shard(shard_file(tmp_path, "code", "train"), [], key="k")
    assert len(read_shard(tmp_path, "code", "train")) == 0
    with pytest.raises(NothingThere, match=r"no part code-held .* train corpus --out"):
        read_shard(tmp_path, "code", "held")


def test_a_text_in_other_clothes_is_known_and_a_new_one_is_not():
    told = " ".join(f"word{n}" for n in range(200))
    twins = NearDuplicates()
    twins.add(told)
    assert twins.contains(told.upper().replace(" ", ",\n"))
    assert twins.contains(" ".join(told.split()[:120]) + " and " + " ".join(f"new{n}" for n in range(60)))
    assert not twins.contains(" ".join(f"other{n}" for n in range(200)))


def test_every_domain_has_tokens_to_learn_and_tokens_held_out(made):
    _, shards = made
    assert set(shards) == {(domain, split) for domain in DOMAINS for split in list_splits(domain)}
    for (domain, split), shard in shards.items():
        if not split.startswith("long"):
            assert 0.05 < shard.learn_N.mean() <= 1.0, (domain, split)
            assert max(map(len, shard)) <= SMALL.most
            assert len(shard.ids_N) <= SMALL.of(domain, split) + 40_000


def test_long_documents_have_at_least_the_length_that_is_asked_for(made):
    _, shards = made
    lengths = [len(d) for domain in ("code", "english") for d in shards[domain, "long_train"]]
    assert lengths
    assert all(SMALL.least_long <= length <= SMALL.most_long for length in lengths)


def test_the_same_corpus_has_the_same_tokens_and_what_is_there_is_kept(made, corpus, tmp_path):
    folder, shards = made
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    lines: list[str] = []
    build(folder, corpus, progress=lines.append)
    assert lines == []
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    shard_file(folder, "shell", "held").unlink()
    again = build(folder, corpus, progress=lines.append)
    assert lines == ["made the corpus of shell"]
    for domain in ("shell", "evidence"):
        assert again[domain, "held"].ids_N.tolist() == shards[domain, "held"].ids_N.tolist()


def test_another_seed_or_another_size_is_another_corpus(corpus):
    assert corpus.key == replace(corpus).key
    assert len({corpus.key, replace(corpus, seed=1).key, replace(corpus, sizes=ShardSizes()).key}) == 3


def test_a_source_that_is_missing_is_named(corpus, tmp_path):
    gone = replace(corpus, sources=replace(corpus.sources, captions=tmp_path / "none.jsonl"))
    with pytest.raises(NothingThere, match="none.jsonl, which the corpus is made from"):
        build(tmp_path, gone)
