"""Questions over the library: photos found by what people wrote of them, listed, counted, and looked at."""

from dataclasses import replace

import pytest
from PIL import Image
from rag_house import build, paint

from deepseek_mm.answering.photo_lists import group_photos, split_groups
from deepseek_mm.answering.skills.library import LibrarySkill
from deepseek_mm.answering.skills.registry import translate_claim
from deepseek_mm.answering.translation import ActTranslator
from deepseek_mm.jobs import follow
from deepseek_mm.language.search_syntax import read_box
from deepseek_mm.language.words import with_article
from deepseek_mm.retrieval.photo_finder import PhotoMatch, keep_leaders
from deepseek_mm.retrieval.witnesses import Witnesses
from deepseek_mm.types import Act, ActFilters, Claim, Draft, Evidence, Query
from index import Filter, Label, Region, Source

ROWS = {
    "kite.png": ("red", "three red kites over a beach"),
    "IMG_0002.png": ("blue", "a bull moose lies in a meadow"),
    "sneakers-black.png": ("yellow", "black sneakers"),
    "shop-melons.png": ("green", "melons with the price tag 34.90"),
}


@pytest.fixture
def house(tmp_path):
    folder = tmp_path / "photos"
    for name, (colour, _) in ROWS.items():
        paint(folder, name, colour, "")
    rows = "\n".join(f"| {name} | {text} | Ada Byron |" for name, (_, text) in ROWS.items())
    (folder / "list.md").write_text(f"| file | what | author |\n|---|---|---|\n{rows}\n")
    assistant = build(tmp_path / "data")
    assistant.library.start()
    job = assistant.library.add([folder])
    list(follow(assistant.library.jobs, job.id))
    yield assistant
    assistant.close()


def blind(act, source):
    """A one-photo skill that sees nothing."""
    return Draft(text="I cannot tell", refused=True)


@pytest.fixture
def skill(house):
    return LibrarySkill(house.retriever.search.photos, blind, house.config)


def said(draft: Draft) -> str:
    return " ".join(claim.sentence for claim in draft.claims) or draft.text


def cited(draft: Draft) -> list[str]:
    numbers = {number for claim in draft.claims for number in claim.numbers}
    return [entry.region.source.name for entry in draft.evidence if entry.number in numbers]


def test_a_photo_is_found_by_a_word_that_is_written_about_it(skill):
    draft = skill.answer(Act(kind="find", text="list all sneakers", subject="sneakers", form="list"))
    assert cited(draft) == ["sneakers-black.png"]
    assert 'sneakers-black.png ("black sneakers") [1].' in said(draft)


@pytest.mark.parametrize(
    ("subject", "label"),
    [("山羊", "goat"), ("手机", "mobile phone"), ("金毛", "golden retriever"), ("红绿灯", "traffic light")],
)
def test_a_label_is_found_and_said_by_its_chinese_name(house, subject, label):
    source = Source(path="/photos/7.png", width_px=64, height_px=48)
    whole = Region(source=source, kind="whole", box_px=(0, 0, 64, 48), labels=(Label(name=label, score=0.9),))
    house.store.add(source, [whole], house.eyes.space.embed_texts([label]))
    asked = Act(kind="find", text=f"哪些照片里有{subject}", subject=subject, form="list")
    act = ActTranslator((), lambda: None).translate(asked, "zh")  # with neither a dictionary nor vectors
    best, *_ = house.retriever.search.photos.find_subject(act.subject, 9, where=Filter(source_kinds=("photo",)))
    assert best.source.name == "7.png"
    assert [each.name for each in house.store.sources(read_box(f"标签:{subject}").where, limit=9)] == ["7.png"]
    shown = Claim(f"7.png shows {with_article(label)}", (1,), 0.9)
    assert translate_claim(shown, "zh", "").sentence == f"7.png 里有{subject} [1]。"


def test_a_question_for_what_is_there_begins_with_yes_and_for_what_is_not_with_no(skill):
    there = skill.answer(Act(kind="find", text="any moose?", subject="a moose", form="yes_no"))
    assert said(there).startswith("Yes, 1 photo fits")
    missing = skill.answer(Act(kind="find", text="is there a piano", subject="a piano", form="yes_no"))
    assert missing.refused
    assert said(missing).startswith('No, I found no photo for "a piano" among your 4 photos')


def test_a_page_that_mentions_a_bicycle_is_no_picture_of_one(skill, monkeypatch):
    source = Source(path="/photos/page.png", width_px=64, height_px=48)
    whole = Region(id=1, source=source, kind="whole", box_px=(0, 0, 64, 48))
    page = PhotoMatch(source, 0.7, (), (whole,), Witnesses(read=1.0, presence=0.1, told=2.4))
    ask = Act(kind="find", text="do I have a picture of a bicycle?", subject="a bicycle", form="yes_no")
    monkeypatch.setattr(skill.finder, "find_photos", lambda act, most, **kwargs: [page])
    told = skill.answer(ask)
    assert told.refused
    assert said(told).startswith(
        'No, I found no photo for "a bicycle" among your 4 photos. The words are only written in'
    )
    assert cited(told) == ["page.png"]
    written = skill.answer(replace(ask, text="is bicycle written on a photo?"))
    assert said(written).startswith("Yes, 1 photo fits")
    seen = replace(page, witnesses=replace(page.witnesses, presence=0.8))
    monkeypatch.setattr(skill.finder, "find_photos", lambda act, most, **kwargs: [seen])
    assert said(skill.answer(ask)).startswith("Yes, 1 photo fits")


def test_a_look_over_the_library_is_answered_from_the_note_of_the_photo_that_is_meant(skill):
    draft = skill.answer(Act(kind="look", text="is the moose standing or lying down", subject="the moose"))
    assert said(draft) == ('Lying down: list.md says of IMG_0002.png: "a bull moose lies in a meadow" [1][2].')
    assert cited(draft) == ["IMG_0002.png", "list.md"]


def test_a_price_and_a_number_come_from_the_note(skill):
    price = skill.answer(Act(kind="read", text="how much are the melons", subject="the melons", attribute="price"))
    assert said(price).startswith("34.90: ")
    number = skill.answer(Act(kind="count", text="how many kites", subject="kites", form="number"))
    assert said(number).startswith("3 kites: ")


def test_who_took_a_photo_is_quoted_from_the_row_and_not_claimed_by_the_photo(skill):
    act = Act(kind="look", text="who took the picture of the moose", subject="the moose", attribute="person")
    assert said(skill.answer(act)) == (
        'Ada Byron: list.md says so of IMG_0002.png, under "author" [2]. IMG_0002.png itself does not say that [1].'
    )


def test_where_no_note_answers_the_photo_is_looked_at_and_the_file_named(house):
    asked = []

    def look(act, source):
        asked.append((act.scope, source.name))
        (whole,) = [r for r in house.store.regions_of([source.id])[source.id] if r.kind == "whole"]
        return Draft(claims=(Claim("Grey", (1,), 0.9),), evidence=(Evidence(number=1, region=whole, score=0.0),))

    skill = LibrarySkill(house.retriever.search.photos, look, house.config)
    draft = skill.answer(
        Act(kind="look", text="what material are the kites", subject="the kites", attribute="material")
    )
    assert asked == [("picture", "kite.png")]
    assert 'says of kite.png: "three red kites over a beach"' in said(draft)


def test_a_file_that_is_named_is_the_one_that_is_meant(skill):
    act = Act(kind="look", text="is it lying or standing in kite.png", filters=ActFilters(file="kite.png"))
    assert "kite.png" in cited(skill.answer(act))


@pytest.mark.parametrize(
    ("subject", "words"),
    [("my grandmother", "I do not know who your grandmother is"), ("the most expensive camera", "I cannot tell")],
)
def test_what_nobody_recorded_is_refused_in_the_words_of_whoever_asks(skill, subject, words):
    draft = skill.answer(Act(kind="find", text=f"find {subject}", subject=subject, form="list"))
    assert draft.refused
    assert said(draft).startswith(words)


def test_all_photos_are_counted_where_nothing_else_is_asked(skill):
    draft = skill.answer(Act(kind="count", text="how many photos do i have", subject="photos", form="number"))
    assert said(draft) == "There are 4 photos in the library."


def test_photos_are_sorted_into_the_groups_that_are_named():
    def match(name, *why):
        source = Source(path=f"/photos/{name}")
        return PhotoMatch(source, 0.9, why, (Region(id=len(name), source=source, kind="whole", box_px=(0, 0, 1, 1)),))

    act = Act(kind="find", text="sort my animals into pets and wild ones", subject="my animals", form="list")
    found = [match("a.png", "cat", "tabby"), match("bb.png", "moose"), match("ccc.png", "dog")]
    assert said(group_photos(act, found, ("pets", "wild"))) == "Pets: a.png and ccc.png [1][2]. Wild: bb.png [3]."


@pytest.mark.parametrize("how", ["into", "in", "by"])
def test_what_is_sorted_is_looked_for_without_the_groups(how):
    told = split_groups(f"sort my animals {how} pets and wild ones")
    assert told == ("sort my animals", ("pets", "wild"))


@pytest.mark.parametrize("text", ["photos by the lake and the mountains", "people diving into lakes and rivers"])
def test_where_nothing_is_sorted_all_words_are_looked_for(text):
    assert split_groups(text) == (text, None)


def test_search_finds_what_the_answers_find_although_the_picture_looks_like_nothing(house):
    found = house.find(Query(text="sneakers"), k=3)
    assert found.found
    assert found.matches[0].region.source.name == "sneakers-black.png"


def test_who_points_at_a_photo_without_one_is_asked_which(skill):
    act = Act(kind="look", text="what is she wearing?", reference="she")
    assert said(skill.answer(act)).startswith("Which photo do you mean?")
    assert said(skill.answer(Act(kind="look", text="what's this?"))).startswith("Which photo do you mean?")


def test_what_is_not_wanted_is_left_out(skill):
    act = Act(kind="find", text="photos without kites", other="kites", form="list")
    draft = skill.answer(act)
    assert sorted(cited(draft)) == ["IMG_0002.png", "shop-melons.png", "sneakers-black.png"]
    assert said(draft).startswith('3 photos are without "kites"')


def test_a_filter_that_nothing_passes_is_said(skill):
    act = Act(kind="find", text="photos from 2019", filters=ActFilters(date="2019"), form="list")
    draft = skill.answer(act)
    assert draft.refused
    assert said(draft) == "I found no photo from 2019 among your 4, as far as their files say."


def test_photos_of_a_type_of_file_are_counted_in_the_store(skill):
    act = Act(kind="count", text="how many pngs", filters=ActFilters(kind="pngs"), form="number")
    assert said(skill.answer(act)) == "There are 4 photos of type PNG."


def test_the_newest_is_not_guessed_where_no_file_has_a_date(skill):
    draft = skill.answer(Act(kind="find", text="which photo did i take last", form="name"))
    assert draft.refused
    assert "no file among them says when it was taken" in said(draft)


def test_the_largest_photo_is_told_by_its_pixels(skill):
    draft = skill.answer(Act(kind="look", text="what is the largest photo", attribute="file", form="name"))
    assert said(draft).startswith("The largest is ")
    assert "pixels" in said(draft)


def test_photos_are_found_by_a_name_in_the_row_of_a_document(skill):
    draft = skill.answer(Act(kind="find", text="photos by Byron", subject="Byron", form="list"))
    assert sorted(cited(draft)) == sorted(ROWS)
    assert "by what documents say of them" in said(draft)


def test_a_comparison_that_nothing_decides_says_so(skill):
    act = Act(kind="compare", text="which is older, the moose or the sneakers", subject="the moose", form="name")
    draft = skill.answer(replace(act, other="the sneakers"))
    assert said(draft).startswith("Which of them that is I cannot tell from the photos.")
    assert cited(draft) == ["IMG_0002.png", "sneakers-black.png"]


def test_what_people_call_another_animal_is_not_found_as_the_one_that_is_asked_for(skill):
    draft = skill.answer(Act(kind="find", text="is there a horse", subject="a horse", form="yes_no"))
    assert draft.refused
    assert said(draft).startswith('No, I found no photo for "a horse" among your 4 photos')


def test_two_things_that_are_joined_are_both_found(skill):
    act = Act(kind="count", text="is there a moose and melons as well?", subject="a moose and", form="yes_no")
    draft = skill.answer(act)
    assert sorted(cited(draft)) == ["IMG_0002.png", "shop-melons.png"]


def test_the_price_of_two_things_decides_which_costs_more(skill):
    act = Act(kind="compare", text="what is more expensive, melons or sneakers?", subject="melons", form="name")
    draft = skill.answer(replace(act, other="sneakers"))
    assert 'shop-melons.png ("melons with the price tag 34.90"): 34.90' in said(draft)
    assert "I cannot read a price in sneakers-black.png" in said(draft)


@pytest.fixture
def burst(house, tmp_path):
    """Two shots of a burst and a photo of its own, all red, beside the four."""
    for n, name in enumerate(("20231207_101605_001.jpg", "20231207_101605_002.jpg", "20231207_101700_001.jpg")):
        Image.new("RGB", (64, 48), (250, n, 0)).save(tmp_path / "photos" / name)
    job = house.library.add([tmp_path / "photos"])
    list(follow(house.library.jobs, job.id))
    return LibrarySkill(house.retriever.search.photos, blind, house.config)


def test_shots_of_a_burst_are_counted_and_listed_as_one_photo(burst):
    assert burst.finder.store.counts(where=Filter(source_kinds=("photo",))).sources == 7
    assert "There are 6 photos" in said(burst.answer(Act(kind="count", text="how many photos do I have?")))
    listed = [match.name for match in burst.finder.list_photos(Filter(formats=("jpeg",)), 9)]
    assert sorted(listed) == ["20231207_101605_001.jpg", "20231207_101700_001.jpg"]
    found = [match.name for match in burst.finder.find_subject("red", 9)]
    assert len([name for name in found if name.startswith("20231207_101605")]) == 1


def test_of_a_group_the_leader_is_told_unless_only_another_is_believed():
    def match(number, leader, relevance):
        return PhotoMatch(Source(id=number, leader=leader, path=f"/{number}.jpg"), relevance)

    raw, picture, other = match(2, 1, 0.9), match(1, 0, 0.8), match(3, 0, 0.1)
    assert [(each.source.id, each.relevance) for each in keep_leaders([raw, picture, other])] == [(1, 0.9), (3, 0.1)]
    assert [each.source.id for each in keep_leaders([raw, match(1, 0, 0.01)])] == [2]
