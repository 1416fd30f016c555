"""Finding in a real store of painted photos and pieces of text, through the space of colours."""

import numpy as np
import pytest
from fakes import COLOURS, ColourSpace, picture
from rag_house import build, paint, put

from deepseek_mm.config import RagConfig
from deepseek_mm.errors import BadQuestion, NothingThere
from deepseek_mm.retrieval.certainty import Certainty, Commons, LogisticCurve
from deepseek_mm.retrieval.photo_finder import PhotoMatch
from deepseek_mm.retrieval.query_vectors import SENTENCES, TEXTS, QueryVectors, Scales, group_of
from deepseek_mm.retrieval.search import Search
from deepseek_mm.types import Query
from index import Filter, Hit, Label, Region, Source

PHOTOS = (
    ("meadow.png", "green", "red"),
    ("sky.png", "blue", ""),
    ("sun.png", "yellow", "blue"),
    ("red.png", "red", ""),
)


@pytest.fixture
def house(tmp_path):
    assistant = build(tmp_path / "data")
    put(assistant, *(paint(tmp_path / "photos", *photo) for photo in PHOTOS))
    yield assistant
    assistant.close()


def write(assistant, name, *texts):
    """A text file, one region a piece."""
    source = Source(path=f"/notes/{name}", kind="document", format="markdown")
    regions = [Region(source=source, kind="text", box_px=(0, 0, 0, 0), text=text) for text in texts]
    assistant.store.add(source, regions, assistant.retriever.space.embed_texts(texts))


def names(found):
    return [match.region.source.name for match in found.matches]


def certain(*, threshold, weights=(0.0,) * 8):
    """A certainty that says one half of everything."""
    dim = ColourSpace.dim
    commons = Commons(counts={}, num_photos=1, direction_D=np.zeros(dim, np.float32), offset=0.0)
    some = np.eye(dim, dtype=np.float32)
    things = LogisticCurve(weights=weights, offset=0.0, threshold=threshold)
    pictures = LogisticCurve(weights=(10.0,), offset=-5.0, threshold=threshold)
    return Certainty(commons, words_WD=some, photos_PD=some, parts_PD=some, things=things, pictures=pictures)


def test_each_photo_is_found_once_by_its_best_region(house):
    (found,) = house.retriever.find_many([Query(text="blue")], k=9)
    assert sorted(names(found)) == ["meadow.png", "red.png", "sky.png", "sun.png"]
    assert names(found)[0] == "sky.png"


def test_at_most_k_matches_come_back(house):
    assert len(house.find(Query(text="blue"), k=2).matches) == 2


def test_what_is_taken_away_from_all_that_a_filter_allows_is_what_likely_shows_it(house, monkeypatch):
    def weigh(subject, ids):
        sources = house.store.sources(Filter(), limit=9)
        shown = 0.9 if subject.text == "sky" else 0.0
        return [PhotoMatch(each, shown if each.name == "sky.png" else 0.1) for each in sources if each.id in ids]

    monkeypatch.setattr(house.retriever.search.photos, "weigh", weigh)
    found = house.find(Query(text="is:photo -sky"), k=9)
    assert set(names(found)) == {"meadow.png", "sun.png", "red.png"}


def test_an_empty_library_finds_nothing_and_says_so(tmp_path):
    with build(tmp_path / "empty") as empty:
        found = empty.find(Query(text="a kite"), k=3)
    assert (found.matches, found.found, found.certainty) == ((), False, 0.0)


def test_a_search_of_nothing_is_refused(house):
    with pytest.raises(BadQuestion, match="search is empty"):
        house.find(Query(), k=3)


def test_a_query_is_found_when_its_certainty_reaches_the_threshold(house):
    for threshold, there in ((0.5, True), (0.51, False)):
        judged = certain(threshold=threshold)
        search = Search(house.retriever.space, house.store, house.eyes, RagConfig(), certainty=judged)
        (found,) = search.find_many([Query(text="a zebra")], k=1)
        assert (found.found, found.certainty, found.threshold) == (there, 0.5, threshold)
        assert found.matches  # the nearest are told all the same


def test_a_label_that_is_sure_by_itself_counts_however_small_the_library_is(house):
    doubtful = certain(threshold=0.6)
    search = Search(house.retriever.space, house.store, house.eyes, RagConfig(), certainty=doubtful)
    assert not search.find_many([Query(text="a dog")], k=1)[0].found
    source = Source(path="/photos/dog.jpg", width_px=9, height_px=9)
    for score, there in ((0.79, False), (0.9, True)):
        whole = Region(source=source, kind="whole", box_px=(0, 0, 9, 9), labels=(Label(name="dog", score=score),))
        house.store.add(source, [whole], house.retriever.space.embed_texts(["grey"]))
        assert search.find_many([Query(text="a dog")], k=1)[0].found is there
        assert not search.find_many([Query(text="a dog and a zebra")], k=1)[0].found


def test_without_a_fitted_curve_the_least_likely_thing_of_a_query_decides(house):
    kite, zebra, both = (house.find(Query(text=text), k=1) for text in ("kite", "zebra", "a kite and a zebra"))
    assert zebra.certainty < kite.certainty
    assert both.certainty == zebra.certainty


def test_a_filter_bounds_the_photos_that_bear_witness(house):
    ids = tuple(source.id for source in house.store.sources(limit=2))
    search = Search(house.retriever.space, house.store, house.eyes, RagConfig(), certainty=None)
    vector = house.retriever.space.embed_texts(["red"])
    (everywhere,) = search.traces(["red"], vector)
    (some,) = search.traces(["red"], vector, where=Filter(source_ids=ids))
    assert (everywhere.num_photos, some.num_photos) == (4, 2)
    assert len(some.nearest_kD) == 2


def test_labels_that_name_a_thing_are_counted_by_photo(house):
    search = house.retriever.search
    (trace,) = search.traces(["kite"], house.retriever.space.embed_texts(["kite"]))
    labelled = house.store.counts(where=Filter(label="kite")).sources
    assert trace.named == labelled > 0


def test_a_photo_that_was_added_since_bears_witness_too(house, tmp_path, monkeypatch):
    monkeypatch.setattr("deepseek_mm.retrieval.query_vectors.LONG_S", 60.0)  # a busy machine counts slowly
    search, vector = house.retriever.search, house.retriever.space.embed_texts(["red"])
    search.traces(["red"], vector)
    put(house, paint(tmp_path / "photos", "late.png", "purple"))
    assert search.traces(["red"], vector)[0].num_photos == 5


def test_more_like_this_leaves_the_photo_itself_out(house):
    (region, *_) = house.store.regions_of([house.retriever.find_named("sky.png").id]).popitem()[1]
    found = house.find(Query(like=region.id), k=3)
    assert names(found)[0] == "sun.png"
    assert "sky.png" not in names(found)
    assert found.certainty == pytest.approx(found.matches[0].score, abs=1e-3)


def test_more_like_something_that_was_removed_is_an_error_that_says_so(house):
    with pytest.raises(NothingThere, match="removed"):
        house.find(Query(like=9999), k=3)


def test_a_picture_is_found_by_its_like_and_a_stranger_is_not(house):
    assert house.find(Query(image=picture("blue")), k=1).found
    stranger = house.find(Query(image=picture("purple")), k=1)
    assert not stranger.found
    assert stranger.matches


def test_a_larger_copy_of_a_picture_is_one_match_with_a_twin(house, tmp_path):
    picture("blue", size=(96, 72)).save(tmp_path / "sky again.png")
    put(house, tmp_path / "sky again.png")
    found = house.find(Query(text="blue"), k=9)
    assert [twin.source.name for twin in found.matches[0].twins] in (["sky again.png"], ["sky.png"])


def test_the_reasons_of_a_photo_are_the_labels_that_agree(house):
    found = house.find(Query(text="a red kite"), k=4)
    assert "kite" in found.matches[0].why


def test_many_pieces_of_text_do_not_bury_the_right_photo(house):
    write(house, "manual.md", *(f"page {n} tells of engines" for n in range(20)))
    for n in range(20):
        write(house, f"note {n}.md", f"note {n} about other matters")
    assert names(house.find(Query(text="yellow"), k=3))[0] == "sun.png"


def test_pieces_that_are_all_alike_do_not_outdo_the_one_photo_that_stands_out(house, tmp_path):
    put(house, paint(tmp_path / "photos", "grapes.png", "blue", "purple"))
    for n in range(20):
        write(house, f"note {n}.md", f"purple red note {n}")
    first, second = house.find(Query(text="purple"), k=2).matches
    assert first.region.source.name == "grapes.png"
    assert first.score < second.score  # a text is nearer to a text, for all that


def test_photos_do_not_bury_the_right_piece_of_text(house, tmp_path):
    write(house, "recipe.md", "bake the purple cake")
    put(
        house,
        *(paint(tmp_path / "more", f"{one} {two}.png", one, two) for one in COLOURS for two in COLOURS if one != two),
    )
    found = house.find(Query(text="purple cake"), k=3)
    assert names(found)[0] == "recipe.md"
    assert found.matches[0].why == ("purple", "cake")
    assert found.found
    assert found.certainty >= 0.99


def test_near_duplicates_do_not_push_others_out_of_the_first_matches(house, tmp_path):
    for n in range(12):  # of one moment, not of the same bytes
        picture("purple", size=(64, 48 + n)).save(tmp_path / f"{n}.png")
    put(house, *(tmp_path / f"{n}.png" for n in range(12)))
    found = house.find(Query(text="purple"), k=3)
    assert len(found.matches) == 3
    assert len(found.matches[0].twins) == 11


def test_only_as_many_photos_are_looked_at_as_the_matches_take(house, tmp_path, monkeypatch):
    pairs = [(one, two) for one in COLOURS for two in COLOURS if one != two]
    put(house, *(paint(tmp_path / "many", f"{one} {two}.png", one, two) for one, two in pairs))
    asked, regions_of = [], house.store.regions_of
    monkeypatch.setattr(house.store, "regions_of", lambda ids: asked.append(len(ids)) or regions_of(ids))
    assert len(house.find(Query(text="red"), k=4).matches) == 4
    assert asked[-1] <= 16 < len(pairs)


def test_a_filter_by_kind_searches_that_kind_only(house):
    write(house, "recipe.md", "bake the blue cake")
    assert names(house.find(Query(text="blue"), k=9, where=Filter(kinds=("text",)))) == ["recipe.md"]
    assert "recipe.md" not in names(house.find(Query(text="blue"), k=9, where=Filter(kinds=("whole",))))


def test_a_cosine_is_told_in_deviations_from_what_is_usual_for_its_kind(tmp_path):
    source = Source(path="/notes/a.md", kind="document")
    piece = Region(source=source, kind="text", box_px=(0, 0, 0, 0))
    with build(tmp_path / "empty") as empty:
        scales = Scales(empty.retriever.space, empty.store, None)
        vector = empty.retriever.space.embed_texts(["red"])[0]
        usual = scales.background(TEXTS) @ vector
        hits = [Hit(region=piece, score=float(usual.mean() + n * usual.std())) for n in (0, 2)]
        assert scales.deviations(hits, QueryVectors(shown_D=vector)) == pytest.approx([0.0, 2.0], abs=1e-4)


def test_what_is_usual_for_texts_takes_one_region_of_each_file_however_long_it_is(house, monkeypatch):
    """While files are taken in this is looked up for every question: it must not read all of a long file."""
    write(house, "long.md", "\n\n".join(f"The boat number {n} " + "sails out to sea " * 60 for n in range(40)))
    asked, vectors_of = [], house.store.vectors_of
    monkeypatch.setattr(house.store, "vectors_of", lambda ids: asked.append(len(ids)) or vectors_of(ids))
    monkeypatch.setattr(house.store, "regions_of", lambda ids: pytest.fail("all regions were read"))
    scales = Scales(house.retriever.space, house.store, None)
    assert len(scales.background(TEXTS)) == len(SENTENCES) + asked[0]
    assert asked == [house.store.counts(where=Filter(collection=None, kinds=TEXTS)).sources]


def test_every_kind_of_region_has_a_scale():
    assert [group_of(kind)[0] for kind in ("whole", "part", "page", "text", "code", "new")] == [
        *("whole", "whole", "whole", "text", "code", "whole")
    ]


def test_a_scene_may_be_surer_than_its_least_certain_thing(house):
    judged = certain(threshold=0.5, weights=(0.0, 1.0, *[0.0] * 6))
    search = Search(house.retriever.space, house.store, house.eyes, RagConfig(), certainty=judged)
    alone, together = search.find_many([Query(text="zebra"), Query(text="a red kite and a zebra")], k=1)
    assert together.certainty > alone.certainty  # the colour space reads the sentence as red


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("blue is:photo type:png path:sky", ["sky.png"]),
        ("Berlin is:document", ["town.md"]),
        ('"is in"', ["town.md"]),
        ("colour:yellow", ["sun.png"]),
        ("type:markdown", ["town.md"]),
        ('red "nowhere"', []),
    ],
)
def test_operators_and_exact_words_narrow_what_is_found(house, text, expected):
    write(house, "town.md", "Berlin is in Germany")
    assert names(house.find(Query(text=text), k=1)) == expected


def test_operators_alone_list_what_they_allow_and_count_as_found(house):
    found = house.find(Query(text="is:photo"), k=9)
    assert (sorted(names(found)), found.found) == (["meadow.png", "red.png", "sky.png", "sun.png"], True)
    assert house.find(Query(text="type:pdf"), k=9).found is False


def test_what_is_taken_away_comes_later_than_without(house):
    plain, away = (names(house.find(Query(text=text), k=9)) for text in ("yellow", "yellow - blue"))
    assert plain[0] == away[0] == "sun.png"
    assert away.index("sky.png") >= plain.index("sky.png")


def test_what_the_box_does_not_know_is_refused_before_anything_is_looked_for(house):
    with pytest.raises(BadQuestion, match="Did you mean type:png"):
        house.find(Query(text="blue tipe:png"), k=9)
    with pytest.raises(BadQuestion, match="there is no collection uploads"):
        house.find(Query(text="blue in:uploads"), k=9)
    with pytest.raises(BadQuestion, match="nothing can be both"):
        house.find(Query(text="blue type:png"), k=9, where=Filter(formats=("jpeg",)))


def test_a_text_with_the_words_is_found_though_its_vector_is_far(house):
    write(house, "a.md", *(f"blue {n}" for n in range(30)))
    write(house, "b.md", "max_wait_ms is how long a request waits")
    (found,) = house.retriever.find_many([Query(text="blue maxWait")], k=2, where=Filter(kinds=("text",)))
    assert names(found) == ["a.md", "b.md"]
