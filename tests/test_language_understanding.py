"""What was said becomes acts: where it is cut, which parts are marked, and what rules may add."""

from dataclasses import replace

import pytest
import torch
from request_fakes import WIDTH, WordEncoder

from deepseek_mm.errors import MissingWeights
from deepseek_mm.language.act_cuts import CutTurn, choose_cut, list_cuts
from deepseek_mm.language.request_network import (
    CUTS,
    FIRST,
    INSIDE_ACT,
    JOINING,
    LANGUAGES,
    TAGS,
    RequestNetwork,
    mark_parts,
)
from deepseek_mm.language.requests import KINDS, NUM_FEATURES, SPANS, STAGES, read_features, stage_of
from deepseek_mm.language.understanding import (
    HEADS,
    LAYERS,
    Part,
    Understander,
    choose_language,
    digest_file,
    fill_parts,
    load_understander,
    mark_by_rule,
    mend_subject,
    read_spans,
    read_told,
    widen_to_words,
)
from deepseek_mm.training.requests.examples import SITUATIONS
from deepseek_mm.types import Act, ActFilters, Situation


def logits(rows: list[int], width: int) -> torch.Tensor:
    """Of a network that is sure of these."""
    return torch.nn.functional.one_hot(torch.tensor(rows), width).float() * 20


def offsets_of(text: str) -> tuple[tuple[int, int], ...]:
    return WordEncoder().locate_words(text)


def understander() -> Understander:
    torch.manual_seed(0)
    encoder = WordEncoder()
    return Understander(encoder, RequestNetwork(encoder.copy_upper(), WIDTH))


def cut_of(rows: list[int]) -> CutTurn:
    """The only way that a network which is sure leaves open."""
    (found,) = list_cuts(logits(rows, CUTS), len(rows))
    return found


def test_a_turn_is_cut_where_a_further_act_begins_and_what_joins_them_belongs_to_none():
    found = cut_of([0, 0, 0, 0, JOINING, JOINING, FIRST, INSIDE_ACT, 0])
    assert found.parts == [[0, 1, 2, 3], [6, 7]]
    assert found.chance == pytest.approx(1, abs=1e-3)


def test_one_token_alone_is_no_act():
    assert cut_of([0, FIRST, 0, FIRST, FIRST, 0, 0]).parts == [[0, 1, 2], [3, 4, 5]]


def test_a_joining_word_without_a_further_act_belongs_to_its_own():
    assert cut_of([0, 0, JOINING, 0, 0]).parts == [[0, 1, 2, 3]]


def test_where_a_border_is_in_doubt_both_ways_are_thought_about_and_the_acts_decide():
    doubt_TC = logits([0, 0, 0, INSIDE_ACT, 0, 0], CUTS)
    doubt_TC[3, FIRST] = doubt_TC[3, INSIDE_ACT]
    ways = list_cuts(doubt_TC, 6)
    assert [way.parts for way in ways] == [[[0, 1, 2, 3, 4]], [[0, 1, 2], [3, 4]]]
    assert choose_cut(ways, [[0.3], [0.9, 0.9]])[0] == 1
    assert choose_cut(ways, [[0.9], [0.9, 0.2]])[0] == 0
    best, chance = choose_cut(ways, [[0.9], [0.9, 0.9]])
    assert best == 0
    assert 0.5 < chance < 0.9


def test_neighbours_with_one_tag_are_one_part_and_a_beginning_parts_them():
    text = "red bowl blue cup here"
    begin, inside = TAGS.index("B-subject"), TAGS.index("I-subject")
    spans = read_spans(logits([0, begin, inside, begin, inside, 0, 0], len(TAGS)), offsets_of(text))
    assert [(text[span.start : span.end], span.kind) for span in spans] == [
        ("red bowl", "subject"),
        ("blue cup", "subject"),
    ]


def test_parts_go_into_their_fields_without_the_marks_around_them():
    text = 'photos of "my cat", from 2023, in the album Pets'
    spans = [Part(10, 18, "subject"), Part(25, 30, "date"), Part(44, 48, "collection")]
    act = fill_parts(Act(kind="find", text=text), text, spans)
    assert (act.subject, act.filters) == ("my cat", ActFilters(date="2023", collection="Pets"))
    text = "上个月拍的猫"
    act = fill_parts(Act(kind="find", text=text), text, [Part(0, 1, "date"), Part(5, 6, "subject")])
    assert (act.subject, act.filters) == ("猫", ActFilters(date="上个月"))  # the whole of the period
    text = "意大利的照片"
    act = fill_parts(Act(kind="find", text=text), text, [Part(0, 1, "subject"), Part(0, 3, "place")])
    assert (act.subject, act.filters.place) == ("意大利", "意大利")


@pytest.mark.parametrize(
    ("text", "read", "whole"),
    [
        ("can i bring my microwave there", "wave", "microwave"),
        ("Welche Farbe hat die Mütze?", "tze", "Mütze"),
        ("how many lentils", "len", "lentils"),
        ("红色的T恤", "T", "T"),
        ("红色的T恤", "恤", "恤"),
        ("cap-yellow.jpg", "yel", "yellow"),
    ],
)
def test_parts_are_whole_words_where_spaces_part_them(text: str, read: str, whole: str):
    start = text.index(read)
    assert text[slice(*widen_to_words(text, start, start + len(read)))] == whole


def test_an_article_or_a_letter_alone_is_no_subject():
    text = "is the x or a b"
    for start, end in ((3, 6), (7, 8), (12, 13)):
        assert fill_parts(Act(kind="look", text=text), text, [Part(start, end, "subject")]).subject == ""
    text = "who is the new music teacher"
    apart = [Part(11, 14, "subject"), Part(15, 28, "subject")]
    assert fill_parts(Act(kind="document", text=text), text, apart).subject == "new music teacher"
    assert fill_parts(Act(kind="look", text="恤"), "恤", [Part(0, 1, "subject")]).subject == "恤"


@pytest.mark.parametrize(
    ("text", "filters"),
    [
        ("what colour is it in cap-yellow.jpg?", {"file": "cap-yellow.jpg"}),
        ("invoice type:pdf before:2023", {"kind": "pdf", "date": "before 2023"}),
        ("kites in:Holidays colour:red", {"collection": "Holidays", "colour": "red"}),
        ("what time is it? 12:30", {}),
        ("找照片 标签：山羊 颜色:红色", {"label": "山羊", "colour": "红色"}),
        ("注意：前方施工", {}),
    ],
)
def test_rules_mark_file_names_and_operators_only(text: str, filters: dict[str, str]):
    assert mark_by_rule(text) == filters


def test_nothing_said_beside_a_picture_asks_to_describe_it():
    (act,) = understander().understand("", Situation(pictures=1)).acts
    assert (act.kind, act.scope) == ("describe", "picture")
    (alone,) = understander().understand("  ", Situation()).acts
    assert (alone.kind, alone.scope) == ("chat", "conversation")


@pytest.mark.parametrize(
    "text", ["?!", "\U0001f389\U0001f389", "a" * 10_000, "x\n" * 300, "def f(x):\n    return x", "\x00"]
)
def test_rubbish_is_understood_as_something(text: str):
    request = understander().understand(text, Situation())
    assert request.acts
    assert 0 <= request.chance <= 1


def test_only_scopes_that_the_situation_offers_are_read():
    one = understander()
    scopes = {stage: one.understand("what colour is it", SITUATIONS[stage]).acts[0].scope for stage in STAGES}
    assert {scopes["fresh"], scopes["code"]}.isdisjoint({"picture", "pictures", "found"})
    assert "pictures" not in {scope for stage, scope in scopes.items() if stage != "pictures"}


def test_what_was_cited_last_says_what_it_means_more_than_a_picture_shown_earlier():
    assert [stage_of(situation) for situation in SITUATIONS.values()] == list(STAGES)
    assert stage_of(Situation(shown=1, cited_photos=2)) == "found"
    assert stage_of(Situation(pictures=1, cited_photos=2)) == "picture"


def test_only_pairs_of_kind_and_scope_that_come_together_are_read():
    encoder = WordEncoder()
    network = RequestNetwork(encoder.copy_upper(), WIDTH)
    narrow = Understander(encoder, network, pairs=frozenset({("find", "library"), ("chat", "conversation")}))
    for text in ("a b c", "hello there", "how many kites"):
        assert {(act.kind, act.scope) for act in narrow.understand(text, Situation()).acts} <= {
            ("find", "library"),
            ("chat", "conversation"),
        }


def test_a_hot_temperature_makes_less_sure_and_changes_no_kind():
    encoder = WordEncoder()
    torch.manual_seed(3)
    network = RequestNetwork(encoder.copy_upper(), WIDTH)
    plain, hot = (
        Understander(encoder, network, temperatures=heat).understand("show me kites", Situation())
        for heat in ({}, {"kind": 9.0, "scope": 9.0})
    )
    assert hot.acts[0].chance < plain.acts[0].chance


def test_many_turns_are_read_as_each_alone():
    turns = [
        ("find a dog", Situation()),
        ("what is the colour of the big red kite over there", Situation(shown=1, before="look")),
        ("hi", Situation(cited_photos=2)),
    ]
    one = understander()
    together, alone = one.understand_many(turns), [one.understand(*turn) for turn in turns]
    assert [(r.acts[0].kind, r.language) for r in together] == [(r.acts[0].kind, r.language) for r in alone]
    assert [r.chance for r in together] == pytest.approx([r.chance for r in alone], abs=1e-3)
    assert one.understand_many([]) == []


def test_a_situation_is_read_as_numbers_that_tell_it_from_others():
    situations = [replace(at, before=kind) for at in SITUATIONS.values() for kind in (None, *KINDS)]
    read = [tuple(read_features(situation)) for situation in situations]
    assert len(set(read)) == len(situations)
    assert {len(each) for each in read} == {NUM_FEATURES}


def test_tokens_that_are_not_seen_cost_nothing_and_change_nothing():
    torch.manual_seed(1)
    network = RequestNetwork(WordEncoder().copy_upper(), WIDTH).eval()
    lower_NTW, features_NF = torch.randn(2, 7, WIDTH), torch.zeros(2, NUM_FEATURES)
    seen_NT = mark_parts([[0, 1, 2, 6], [0, 4, 6]], 7)
    whole, few = network.read(lower_NTW, seen_NT, features_NF), network.read_seen(lower_NTW, seen_NT, features_NF)
    assert torch.allclose(whole.said_NW, few.said_NW, atol=1e-5)
    assert torch.allclose(whole.tokens_NTD[seen_NT], few.tokens_NTD[seen_NT], atol=1e-5)
    assert few.tokens_NTD[0, 3].abs().sum() == 0


def test_parts_of_acts_are_rows_of_flags():
    assert mark_parts([[0, 1], [3]], 4).tolist() == [[True, True, False, False], [False, False, False, True]]


def test_every_marked_part_has_a_field(tmp_path):
    for kind in SPANS:
        act = fill_parts(Act(kind="find", text="kites"), "kites", [Part(0, 5, kind)])
        assert "kites" in {
            act.subject,
            act.other,
            act.reference,
            *(getattr(act.filters, f) for f in act.filters.__slots__),
        }
    with pytest.raises(MissingWeights, match="train requests"):
        load_understander(WordEncoder(), tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    ("text", "likely", "language"),
    [
        ("hi", "zh", "en"),  # which the network cannot tell from a word or two
        ("ok", "zh", "en"),
        ("猫", "en", "zh"),
        ("show me 猫", "en", "en"),
        ("Sind meine Daten sicher?", "en", "de"),
        ("Zeigst du mir alles davon", "de", "de"),
        ("montre-moi le chat", "fr", "fr"),
        ("Где кошка?", "de", "ru"),  # which the network was not trained on
        ("Missä koira on?", "es", "fi"),
    ],
)
def test_the_language_of_a_turn_is_told_by_letters_and_words_before_the_network(text, likely, language):
    chances = torch.tensor([0.9 if each == likely else 0.025 for each in LANGUAGES])
    assert choose_language(text, chances) == language


def test_the_shipped_heads_are_for_the_shipped_layers():
    assert read_told(HEADS)["layers"] == digest_file(LAYERS)


@pytest.mark.parametrize(
    ("subject", "text", "mended"),
    [
        ("有", "有几张照片里有山？", "山"),
        ("有狗", "几张照片里有狗", "狗"),
        ("棕", "给我看棕色的东西", "棕色的东西"),
        ("红", "找红色", "红色"),
        ("棕熊", "找棕熊", "棕熊"),
        ("海边的", "海边的照片", "海边"),
        ("See aus", "Fotos vom See aus dem Sommer", "See"),
        ("a cat", "is there a cat", "a cat"),
        ("", "有吗", ""),
    ],
)
def test_a_chinese_subject_is_without_its_verb_and_has_all_of_a_colour(subject, text, mended):
    assert mend_subject(subject, text) == mended


@pytest.mark.parametrize(
    ("text", "subject", "whole"),
    [
        ("which photos are black and white?", "and white", "black and white"),
        ("show me a black-and-white dog", "white dog", "black-and-white dog"),
        ("is the cat black and white?", "cat", "black and white cat"),
    ],
)
def test_black_and_white_is_one_property_and_no_colour_beside_a_rest(text, subject, whole):
    black, named = text.index("black"), text.index(subject)
    spans = [Part(black, black + 5, "colour"), Part(named, named + len(subject), "subject")]
    act = fill_parts(Act(kind="find", text=text), text, sorted(spans))
    assert (act.subject, act.filters.colour) == (whole, "")


def test_a_black_dog_keeps_its_colour():
    text = "photos of a black dog"
    act = fill_parts(Act(kind="find", text=text), text, [Part(12, 17, "colour"), Part(18, 21, "subject")])
    assert (act.subject, act.filters.colour) == ("dog", "black")
