"""Words find the texts that have them, and follow every way in which a text comes and goes."""

import math
from contextlib import suppress
from dataclasses import replace

import pytest
from index_help import finished, in_another_process, note_copy, open_store, photo, rows
from storage_contract import only_files

from index import Filter, Region, Source, Symbol
from index.words import Rarity, count_regions, expression, says, split_words

TEXTS = ("def askMany(cases): return cases", "a dog runs through the grass", "the dog and the cat and the mouse sleep")


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "store") as store:
        yield store


def written(store, *texts, n=1, kind="text", collection="library") -> Source:
    """A document with these pieces."""
    source = Source(path=f"/books/{n}.txt", kind="document", collection=collection)
    regions = [Region(source=source, kind=kind, box_px=(0, 0, 0, 0), text=text) for text in texts]
    return store.add(source, regions, rows(len(texts), seed=n))


def texts(store, query, **how) -> list[str]:
    return [hit.region.text for hit in store.search_words(query, k=10, **how)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("askMany", ["askmany", "ask", "many"]),
        ("HTTPServer2", ["httpserver2", "http", "server", "2"]),
        ("_max_wait_ms=4", ["max_wait_ms", "max", "wait", "ms", "4"]),
        ("Dogs run, ONE dog's tail", ["dogs", "run", "one", "dog", "s", "tail"]),
        ("ab12 x-y", ["ab12", "ab", "12", "x", "y"]),
        ("\u00dcber caf\u00e9", ["\u00fcber", "caf\u00e9"]),
        ("\u7ea2\u8272 kite", ["\u7ea2", "\u8272", "kite"]),
        ("!? ...", []),
    ],
)
def test_identifiers_are_split_by_case_underscore_and_digit_and_kept_as_written(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("askMany", [0]),
        ("many", [0]),
        ("running", [1]),
        ("dog", [1, 2]),
        ("grass dog", [1, 2]),
        ("horse", []),
        ("", []),
    ],
)
def test_a_word_or_a_part_of_an_identifier_finds_the_texts_that_have_it(store, query, expected):
    written(store, *TEXTS)
    assert texts(store, query) == [TEXTS[n] for n in expected]


def test_the_score_is_bm25_as_worked_out_by_hand(store):
    """Robertson's formula with k1 = 1.2, b = 0.75: three texts of 2, 3 and 4 words, "dog" in one of them."""
    written(store, "a kite", "a red kite", "dog dog and cat")
    rarity = math.log((3 - 1 + 0.5) / (1 + 0.5))
    expected = rarity * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 4 / 3))
    assert [hit.score for hit in store.search_words("dog", k=3)] == [pytest.approx(expected, rel=1e-5)]


def test_among_equals_the_first_region_comes_first_and_k_bounds_them(store):
    written(store, "red kite", "red kite", "red kite", "a boat", "a car", "a cup", "a tree")
    hits = store.search_words("kite", k=2)
    assert [hit.region.id for hit in hits] == [1, 2]
    with pytest.raises(ValueError, match="k=0 must be at least 1"):
        store.search_words("kite", k=0)


def test_filters_hold_for_words_as_they_do_for_vectors(store):
    written(store, "a dog", n=1)
    written(store, "a dog as well", n=2, kind="code", collection="work")
    written(store, "a dog of a question", n=3, collection="uploads")
    assert texts(store, "dog") == ["a dog", "a dog as well"]
    assert texts(store, "dog", where=Filter(collection="work")) == ["a dog as well"]
    assert texts(store, "dog", where=Filter(kinds=("text",))) == ["a dog"]
    assert texts(store, "dog", where=Filter(collection=None, folder="/books", formats=("pdf",))) == []


@pytest.mark.parametrize(
    ("counts", "match", "is_common"),
    [
        ({"dog": 9, "kite": 2}, '"kite" OR "dog"', False),
        ({"dog": 4000, "kite": 2, "cat": 1500}, '"kite" OR "cat"', False),
        ({"a": 90_000, "dog": 6000, "man": 7000, "the": 80_000}, '"dog" AND "man" AND "the"', True),
        ({"dog": 0}, "", True),
        ({}, "", True),
    ],
)
def test_the_rarest_words_are_asked_for_as_long_as_they_are_in_few_regions(counts, match, is_common):
    assert expression(counts) == (match, is_common)


def test_code_is_found_by_its_own_name_and_by_what_encloses_it_until_it_goes(store):
    source = Source(path="/code/1.py", kind="code")
    methods = [Symbol(name="tell", parent=parent, kind="method") for parent in ("Assistant", "Watcher")]
    pieces = [
        Region(source=source, kind="code", box_px=(0, 0, 0, 0), text=f"def {m.name}(self): ...", symbol=m)
        for m in methods
    ]
    source = store.add(source, pieces, rows(2))
    found = [[hit.region.symbol for hit in store.search_words(words, k=9)] for words in ("assistant", "tell watcher")]
    assert found == [[methods[0]], [methods[1], methods[0]]]
    store.remove([source.id])
    assert store.search_words("assistant tell watcher", k=9) == []
    assert store.problems() == []


@only_files
def test_how_rare_a_word_is_is_counted_again_when_the_store_has_grown_by_a_tenth(store):
    rarity = Rarity()
    written(store, "a dog")
    with store._database.reading() as session:
        assert rarity.count(session, "dog", 100, count_regions) == 1
    written(store, "another dog", n=2)
    with store._database.reading() as session:
        assert [rarity.count(session, "dog", size, count_regions) for size in (100, 110, 111)] == [1, 1, 2]


def test_the_rarest_words_choose_where_the_others_are_everywhere(store, monkeypatch):
    monkeypatch.setattr("index.words.MOST", 3)
    written(store, *["the dog"] * 5, "the kite", "a kite", "the dog with a kite")
    assert set(texts(store, "dog kite")) == {"the kite", "a kite", "the dog with a kite"}
    assert sorted(hit.region.id for hit in store.search_words("the dog", k=9)) == [4, 5, 8]  # the newest that have both
    assert len(texts(store, "the dog", where=Filter(kinds=("code",)))) == 0


def test_a_text_that_is_replaced_reworded_or_removed_is_found_by_its_new_words_alone(store):
    source = written(store, "a dog", "a cat")
    written(store, "a kite")  # at the same path
    assert (texts(store, "dog"), texts(store, "cat"), texts(store, "kite")) == ([], [], ["a kite"])
    source = store.source_at("/books/1.txt")
    said = Region(source=source, kind="caption", box_px=(0, 0, 9, 9), text="a boat")
    store.extend(source.id, [said], rows(1, seed=5), mark="describe")
    said = Region(source=source, kind="caption", box_px=(0, 0, 9, 9), text="a ship")
    store.exchange_regions(source.id, [said], rows(1), mark="x")
    assert (texts(store, "boat"), texts(store, "ship")) == ([], ["a ship"])
    store.remove([source.id])
    assert texts(store, "ship kite") == []
    assert store.problems() == []


@only_files
def test_what_is_set_aside_is_not_found_and_comes_back_with_its_words(store, tmp_path):
    written(store, "a dog")
    store.take_out(["/books/1.txt"], tmp_path / "aside.db")
    assert texts(store, "dog") == []
    store.restore(tmp_path / "aside.db")
    assert texts(store, "dog") == ["a dog"]
    assert store.problems() == []


def test_an_exchange_brings_the_words_of_the_new_content_and_clearing_takes_all(store, tmp_path):
    written(store, "a dog")
    store.copy_to(tmp_path / "copy.db")
    written(store, "a cat", n=2)
    store.exchange(tmp_path / "copy.db")
    assert (texts(store, "dog"), texts(store, "cat")) == (["a dog"], [])
    store.clear()
    assert texts(store, "dog") == []


@only_files
def test_after_tidying_no_byte_of_a_removed_word_is_left(store):
    written(store, *(f"page{n} about zebrafinch{n}" for n in range(50)))
    written(store, "a dog", n=2)
    store.remove([store.source_at("/books/1.txt").id])
    store.renew_cache()
    left = [path.name for path in store.folder.iterdir() if b"brafinch" in path.read_bytes()]
    assert (left, texts(store, "dog")) == ([], ["a dog"])


def test_words_that_another_process_adds_and_takes_are_seen_at_once(store):
    written(store, "a dog")
    store.search_words("dog", k=1)
    code = """
from index import Region, Source
store = open_store(folder)
source = Source(path="/books/9.txt", kind="document")
store.add(source, [Region(source=source, kind="text", box_px=(0, 0, 0, 0), text="a dog too")], rows(1, seed=9))
store.remove([1])
print("done")
"""
    assert finished(in_another_process(code, store.folder)) == "done"
    assert texts(store, "dog") == ["a dog too"]


def test_a_transaction_that_fails_takes_its_words_with_it(store):
    written(store, "a dog")
    with suppress(RuntimeError), store._database.writing() as session:
        session.connection().exec_driver_sql("DELETE FROM regions")
        raise RuntimeError("the power went")
    assert texts(store, "dog") == ["a dog"]


@only_files
def test_words_that_do_not_agree_with_the_texts_are_a_problem_and_tidying_mends_it(store):
    written(store, "a dog", "a cat")
    with store._database.writing() as session:
        session.connection().exec_driver_sql("INSERT INTO words (words) VALUES ('delete-all')")
    assert [(p.path, p.detail) for p in store.problems()] == [
        ("the index of words", "It does not agree with the texts of 2 regions.")
    ]
    store.renew_cache()
    assert (store.problems(), texts(store, "cat")) == ([], ["a cat"])


@pytest.mark.parametrize(
    ("text", "phrase", "is_said"),
    [
        ("Press the\n red button", "the RED button", True),
        ("a category", "cat", False),
        ("cats and dogs", "cat", False),
        ("if (x == null)", "x == null", True),
        ("if (x == null)", "(x ==", True),
        ("red kite", "kite red", False),
    ],
)
def test_a_phrase_is_said_word_for_word_whatever_its_capitals_and_gaps(text, phrase, is_said):
    assert says(text, phrase) is is_said


def test_a_filter_of_exact_words_allows_the_texts_that_say_them_and_the_whole_pictures_of_those(store):
    shown = photo(1)
    whole = Region(source=shown, kind="whole", box_px=(0, 0, 9, 9))
    store.add(shown, [whole, replace(whole, kind="part"), replace(whole, kind="text", text="NO  Entry!")], rows(3))
    written(store, "no entry here", "no dog, entry")
    only = Filter(phrases=("no entry",))
    found = [(hit.region.kind, hit.region.text) for hit in store.search_many(rows(1), k=9, where=only)[0]]
    assert sorted(found) == [("text", "NO  Entry!"), ("text", "no entry here"), ("whole", "")]
    assert texts(store, "no entry", where=Filter(phrases=("no entry", "here"))) == ["no entry here"]
    assert texts(store, "no entry", where=Filter(phrases=("!",))) == ["NO  Entry!"]


def test_filters_of_colours_and_of_a_part_of_the_path_hold_in_every_search(store):
    for n, colours in ((1, ("red", "blue")), (2, ("red",))):
        store.add(
            photo(n), [Region(source=photo(n), kind="whole", box_px=(0, 0, 9, 9), colours=colours)], rows(1, seed=n)
        )
    note_copy(store, 2, "/copies/old/two.jpg", size_bytes=1, modified_ns=1)

    def ids(**how):
        return sorted(hit.region.source.id for hit in store.search_many(rows(1), k=9, where=Filter(**how))[0])

    assert ids(colours=("red",)) == [1, 2]
    assert ids(colours=("red", "blue")) == [1]
    assert ids(path="/1/") == [1]
    assert ids(path="old/t") == [2]
    assert ids(path="nothing") == []
