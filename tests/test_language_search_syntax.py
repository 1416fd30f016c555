"""What stands in the search box is understood, or refused with what to write instead."""

from datetime import datetime

import pytest

from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.own_sentences import names_in_english
from deepseek_mm.language.search_filters import merge_filters
from deepseek_mm.language.search_syntax import ParsedQuery, in_words, read_box
from deepseek_mm.types import Query, Term
from index import Filter


def terms(text: str) -> list[tuple[str, float]]:
    return [(term.text, term.weight) for term in read_box(text).terms]


@pytest.mark.parametrize(
    "text",
    [
        "a red kite on a beach",
        "t-shirt with a zip",
        "What is at 10:30?",
        "std::vector push_back",
        "see https://example.org/a",
        "key: value",
        "2 * 3",
        "C++",
        "--flag",
        "",
    ],
)
def test_a_text_without_signs_and_operators_means_itself(text):
    assert read_box(text) == ParsedQuery(text=text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("horse + stripes - grass", [("horse", 1), ("stripes", 1), ("grass", -1)]),
        ("a dog -leash in a park", [("a dog", 1), ("leash", -1), ("in a park", 1)]),
        ("horse^2 + stripes", [("horse", 2), ("stripes", 1)]),
        ("0.5*red horse - tall grass^3", [("red horse", 0.5), ("tall grass", -3)]),
        ("horse^2", [("horse", 2)]),
        ("- grass + field", [("grass", -1), ("field", 1)]),
    ],
)
def test_terms_are_parted_by_signs_and_carry_their_weights(text, expected):
    assert terms(text) == expected


def test_the_words_to_look_for_are_those_that_are_not_taken_away():
    asked = read_box("horse + stripes^2 - grass type:jpeg")
    assert (asked.text, asked.where) == ("horse stripes", Filter(formats=("jpeg",)))


def test_exact_words_bound_the_search_and_count_as_words_besides():
    asked = read_box('a sign "no  entry" here')
    assert asked == ParsedQuery(text="a sign no entry here", where=Filter(phrases=("no entry",)))


def test_every_operator_becomes_a_part_of_the_filter():
    text = "horse type:pdf before:2020 after:2019-05 in:horses kind:page colour:red label:Dog path:src/ is:documents"
    assert read_box(text) == ParsedQuery(
        text="horse",
        where=Filter(
            formats=("pdf",),
            taken_before=datetime(2020, 1, 1),
            taken_after=datetime(2019, 5, 1),
            collection="horses",
            kinds=("page",),
            colours=("red",),
            label="dog",
            path="src/",
            source_kinds=("document",),
        ),
    )
    assert read_box('in:"my trip" lang:py x').where == Filter(collection="my trip", formats=("python",))
    assert read_box("type:jpg COLOR:gray since:2020 x path:/abs/a").where == Filter(
        formats=("jpeg",), colours=("grey",), taken_after=datetime(2020, 1, 1), path="/abs/a"
    )


def test_several_types_allow_any_of_them_and_several_colours_ask_for_all():
    assert read_box("x type:pdf type:docx").where.formats == ("pdf", "docx")
    assert read_box("x colour:red colour:blue").where.colours == ("red", "blue")


def test_operators_and_labels_may_be_said_in_chinese():
    assert read_box("标签:山羊").where == Filter(label="goat") == read_box("label:山羊").where
    assert read_box("草地 标签：手机 颜色:红色 类别:照片 早于:2020").where == Filter(
        label="phone",
        other_labels=names_in_english("手机")[1:],
        colours=("red",),
        source_kinds=("photo",),
        taken_before=datetime(2020, 1, 1),
    )
    assert read_box("类别:代码").where == Filter(source_kinds=("code",))
    assert read_box("注意:前方 之后").text == "注意:前方 之后"  # no operator is called so


def test_operators_alone_are_a_search_without_words():
    assert read_box("type:pdf") == ParsedQuery(text="", where=Filter(formats=("pdf",)))
    away = read_box("type:pdf -grass")
    assert (away.text, away.where) == ("", Filter(formats=("pdf",)))
    assert [(term.text, term.weight) for term in away.terms] == [("grass", -1.0)]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('a "no entry', 'a quotation mark is not closed in: a "no entry. Put one behind'),
        ('a ""', "there is nothing between the quotation marks"),
        ('a -"no entry"', "exact words cannot be taken away"),
        ("- grass", "only what to take away is said: - grass. Say what to look for as well: field - grass"),
        ("-grass -sky", "only what to take away is said"),
        (
            "x tipe:pdf",
            'there is no operator tipe: here. Did you mean type:pdf? To look for it as it is, write "tipe:pdf"',
        ),
        ("x zzzzzz:1", "there is no operator zzzzzz: here. There are type:, after:, before:"),
        ("x type:pfd", "type:pfd cannot be: pfd is not known; the nearest is pdf. For example: type:pdf"),
        ("x is:cat", "is:cat cannot be: cat is none of photo, video, document, code"),
        ("x before:yesterday", "is no date. Write a year, a month or a day: 2020, 2020-05"),
        ("x after:2020-13", "is no date"),
        ("x after:2021 before:2020", "nothing was taken after 2021-01-01 and before 2020-01-01"),
        ("x in:a in:b", "nothing can be both a and b"),
        ("x is:photo type:pdf", "pdf files are documents, and the search asks for photo"),
        ("x is:photo kind:page", "only documents have a page, the search asks for photo"),
        ("x -type:pdf", "only words can be taken away, not type:"),
        ("horse^nan", "the weight nan of horse is no number above 0 and up to 10: horse^2"),
        ("horse^inf", "the weight inf of horse"),
        ("0*horse", "the weight 0 of horse"),
        ("horse^-1", "the weight -1 of horse"),
        ("horse^twice", "the weight twice of horse"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(text, complaint):
    with pytest.raises(BadQuestion) as caught:
        read_box(text)
    assert complaint in str(caught.value)


def test_pieces_that_several_kinds_of_files_have_go_with_each_of_these():
    for text in ("x is:photo kind:text", "x is:document kind:page", "x is:photo kind:whole kind:page"):
        assert read_box(text).where.source_kinds


def test_a_collection_that_is_not_there_is_refused_with_the_nearest_one():
    with pytest.raises(BadQuestion, match='there is no collection tripp. Did you mean in:"my trip"?'):
        read_box("x in:tripp", collections=["my trip", "work"])
    assert read_box("x in:work", collections=["work"]).where.collection == "work"


def test_a_query_in_words_keeps_its_picture_and_what_was_understood_before():
    plain, term = Query(text="a red kite", image_weight=2.0), Term(text="kite", weight=2.0)
    assert in_words(plain) == plain
    boxed = in_words(Query(text="kite^2 type:pdf - grass", like=7))
    assert (boxed.text, boxed.terms, boxed.like) == ("kite", (term, Term(text="grass", weight=-1.0)), 7)
    assert in_words(boxed) == boxed


def test_the_narrower_of_two_filters_counts_and_contradictions_are_named():
    page = Filter(formats=("jpeg", "png"), taken_after=datetime(2020, 1, 1), label="dog")
    box = Filter(formats=("png",), taken_after=datetime(2021, 1, 1), colours=("red",), phrases=("a",))
    assert merge_filters(page, box) == Filter(
        formats=("png",), taken_after=datetime(2021, 1, 1), label="dog", colours=("red",), phrases=("a",)
    )
    with pytest.raises(BadQuestion, match="nothing can be both jpeg, png and pdf"):
        merge_filters(page, Filter(formats=("pdf",)))


def test_a_term_knows_its_words_and_that_it_counts_once():
    assert Term(text="horse").weight == 1
