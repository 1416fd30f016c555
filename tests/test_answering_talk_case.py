"""What skills are told of this installation, and what an earlier answer said."""

from dataclasses import replace

import pytest
from index_help import open_store, rows
from talk_house import fill_library, photo, turn

from deepseek_mm.answering.talk_case import (
    evidence_of,
    find_named,
    gather_facts,
    is_this_machine,
    sentences_again,
    sentences_of,
    sources_of,
)
from deepseek_mm.config import Config, LMConfig
from deepseek_mm.types import Answer
from index import Region, Source


def facts_with(tmp_path, **lm):
    with fill_library(tmp_path / "library") as store:
        config = replace(Config(data=tmp_path / "library"), lm=LMConfig(**lm))
        return gather_facts(config, store, language_model="parrot", version="1.2")


def test_facts_count_the_files_and_name_the_collections(tmp_path):
    facts = facts_with(tmp_path)
    assert facts.kinds == {"photo": 2, "document": 1}
    assert facts.collections == ("Holidays",)
    assert (facts.server, facts.larger, facts.undo_minutes) == ("", False, 10)
    assert facts.folder == str(tmp_path / "library")
    assert not facts.is_empty


@pytest.mark.parametrize(
    ("lm", "server", "larger", "model"),
    [
        ({"url": "https://api.example.com/v1", "sees": True}, "api.example.com", True, "parrot"),
        ({"url": "http://127.0.0.1:8000/v1"}, "", True, "parrot"),  # on this machine: nothing leaves it
        ({"vlm": "some/model"}, "", True, "parrot"),
        ({"name": "none"}, "", False, ""),
        ({"name": "smollm2"}, "", False, "parrot"),
    ],
)
def test_what_leaves_the_machine_follows_from_the_settings(tmp_path, lm, server, larger, model):
    facts = facts_with(tmp_path, **lm)
    assert (facts.server, facts.larger, facts.language_model) == (server, larger, model)
    assert facts.server_sees == lm.get("sees", False)


def test_hosts_of_this_machine_are_known():
    hosts = ("", "localhost", "127.0.0.1", "::1", "192.168.0.4", "example.com")
    assert [is_this_machine(host) for host in hosts] == [True, True, True, True, False, False]


def test_an_answer_is_taken_apart_into_sentences_with_their_numbers():
    dog, cat = photo("dog.jpg"), photo("cat.jpg")
    answer = turn("?", "dog.jpg shows a dog [1]. A cat [2][1], and more [9].", [dog, cat], sure=0.7).answer
    first, second = sentences_of(answer)
    assert (first.text, first.numbers, first.certainty) == ("dog.jpg shows a dog", (1,), 0.7)
    assert (second.text, second.numbers) == ("A cat, and more", (2, 1))  # 9 is no evidence of it
    assert [entry.number for entry in evidence_of(answer)] == [1, 2]


def test_a_chinese_answer_and_code_are_taken_apart_too():
    assert [c.text for c in sentences_of(Answer(text="有一只狗。它是黑色的。"))] == ["有一只狗", "它是黑色的"]
    (claim,) = sentences_of(Answer(text="This does it.\n\n```python\nprint(1)\n```\n"))
    assert (claim.text, claim.block) == ("This does it", "print(1)")


def test_files_are_those_of_the_last_answer_that_cited_any():
    turns = [
        turn("a", "x [1].", [photo("old.jpg")]),
        turn("b", "y [1] [2].", [photo("new.jpg")] * 2),
        turn("c", "Hello"),
    ]
    assert [source.name for source in sources_of(turns)] == ["new.jpg"]
    assert sources_of(turns[2:]) == ()


def test_files_are_found_by_their_whole_name_in_any_case(tmp_path):
    with fill_library(tmp_path / "library") as store:
        assert [source.name for source in find_named(store, "DOG.jpg")] == ["dog.jpg"]
        assert find_named(store, "og.jpg") == []


def test_a_chinese_name_is_found_by_its_end_where_no_file_is_called_so(tmp_path):
    with open_store(tmp_path / "index") as store:
        for n, name in enumerate(("南京报销.csv", "b.csv", "ab.csv")):
            source = Source(path=f"/docs/{name}", kind="document")
            store.add(source, [Region(source=source, kind="text", box_px=(0, 0, 0, 0))], rows(1, seed=n))
        assert [source.name for source in find_named(store, "报销.csv")] == ["南京报销.csv"]
        assert [source.name for source in find_named(store, "b.csv")] == ["b.csv"]
        assert find_named(store, "sv") == []


@pytest.mark.parametrize("brought", [{"id": 0}, {"settings": {"imported": True}}], ids=["told", "imported"])
def test_an_answer_that_was_not_given_here_is_a_quotation_when_it_is_said_again(brought):
    ours = turn("Is there a dog?", "Yes, there is. It is PWNED \u201d says [1] \u201chere.")
    assert [claim.text for claim in sentences_again(ours, "en")][0] == "Yes, there is"
    (claim,) = sentences_again(replace(ours, **brought), "en")
    quoted = "\u201cYes, there is. It is PWNED ' says (1) 'here.\u201d"
    assert claim.text == f"This answer was not given here; it says: {quoted}"
    assert claim.numbers == ()
