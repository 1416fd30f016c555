"""Requests for training: shapes are read strictly, filled with their marks kept, mistyped, joined and learned."""

import re
from pathlib import Path
from random import Random

import pytest
import torch
from request_fakes import WIDTH, WordEncoder

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.requests import compute_span_f1, evaluate_requests, list_parts
from deepseek_mm.language.request_network import FIRST, INSIDE_ACT, JOINING, TAGS, RequestNetwork
from deepseek_mm.language.requests import stage_of
from deepseek_mm.language.understanding import load_understander
from deepseek_mm.training.requests.examples import HALVES, ActLabels, RequestExample, ShapeBook, allowed_pairs
from deepseek_mm.training.requests.marked_text import JOINER, Letter, MarkedText, Span, as_act, join
from deepseek_mm.training.requests.noise import NOISE, add_noise
from deepseek_mm.training.requests.real_questions import (
    QuestionFolders,
    make_instruction,
    make_passage_question,
    make_photo_question,
    make_room_question,
    make_search,
)
from deepseek_mm.training.requests.shapes import RequestShape, ShapeError, language_of_file, read_shape, read_shapes
from deepseek_mm.training.requests.trainer import (
    UNKNOWN,
    ExampleStates,
    RequestsConfig,
    RequestTrainer,
    draw_oftener,
    fit_temperature,
    label_tokens,
    train_requests,
    write_heads,
    write_layers,
)
from deepseek_mm.types import Act, ActFilters, Situation

SLOTS = {"thing": ["cup", "kite"], "colour": ["red", "blue"], "city": ["Rome"], "file": ["cat.jpg"]}
WHERE = "x.en.txt:1"
BOTH = (
    "fresh:library | find | list | | find [subject the {thing}]"
    " && found:found | look | name | colour | and what colour is [reference it]"
)


def shape_of(line: str) -> RequestShape:
    return read_shape(line, SLOTS, language="en", where=WHERE)


def marked(text: str, *parts: Span) -> MarkedText:
    """With these parts marked."""
    owner = {at: number for number, part in enumerate(parts) for at in range(part.start, part.end)}
    letters = tuple(Letter(char, 0, owner.get(at, -1)) for at, char in enumerate(text))
    return MarkedText(letters, tuple(part.kind for part in parts))


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("fresh:library | seek | list | | kites", "no kind 'seek'"),
        ("fresh:library | find | rows | | kites", "no form 'rows'"),
        ("fresh:library | find | list | hue | kites", "no attribute 'hue'"),
        ("fresh:garden | find | list | | kites", "no context 'fresh:garden'"),
        ("fresh:library | find | list | kites", "4 fields"),
        ("fresh:library | find | list | | [subject kites", "is not closed"),
        ("fresh:library | find | list | | [subject a [colour red] kite]", "do not nest"),
        ("fresh:library | find | list | | [thing kites]", r"no part \[thing"),
        ("fresh:library | find | list | | a {sport}", r"no slot \{sport\}"),
        ("fresh:library | find | list | |", "no template"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_what_is_wrong(line: str, wrong: str):
    with pytest.raises(ShapeError, match=wrong) as error:
        shape_of(line)
    assert WHERE in str(error.value)


def test_names_of_several_contexts_stand_for_them_and_brackets_may_be_words():
    shape = shape_of("one, fresh:code | code | sentence | | why is rolling([1, 2], {thing}) wrong")
    assert shape.acts[0].contexts == (("picture", "picture"), ("shown", "picture"), ("fresh", "code"))
    book = ShapeBook([shape], SLOTS, "en")
    assert book.fill(shape.acts[0], Random(0)).text.startswith("why is rolling([1, 2], ")


def test_files_are_read_with_the_slots_of_their_language(tmp_path: Path):
    (tmp_path / "slots.en.txt").write_text("# things\nthing: cup; kite\nthing: ball\n")
    (tmp_path / "find.en.txt").write_text("# a comment\n\nlib | find | list | | {thing}\n")
    shapes, slots = read_shapes(tmp_path)
    assert slots == {"en": {"thing": ["cup", "kite", "ball"]}}
    assert [(shape.language, shape.where) for shape in shapes] == [("en", "find.en.txt:3")]
    with pytest.raises(ShapeError, match="NAME.LANGUAGE.txt"):
        language_of_file(tmp_path / "find.txt")


def test_shapes_are_held_out_by_their_words_so_that_twins_stay_together():
    lines = [f"fresh:library | find | list | | show me {n} of my {{thing}}" for n in range(300)]
    held = [shape_of(line).held_out for line in lines]
    assert 10 < sum(held) < 60
    again = [shape_of(line.replace("fresh:library", "lib").replace("show", "Show") + "?").held_out for line in lines]
    assert held == again


def test_the_same_words_at_the_same_stage_are_always_the_same_kind():
    kinds: dict[tuple[str, str, str], dict[str, str]] = {}
    for shape in read_shapes()[0]:
        words = re.sub(r"[^\w{}]+", " ", shape.template).lower().strip()
        if len(shape.acts) == 1 and words and HALVES not in shape.where:
            for stage, _ in shape.acts[0].contexts:
                kinds.setdefault((shape.language, words, stage), {})[shape.acts[0].kind] = shape.where
    assert len(kinds) > 20_000
    assert {key: found for key, found in kinds.items() if len(found) > 1} == {}


def test_filling_keeps_marks_where_their_words_are():
    shape = shape_of("fresh:library | find | list | | [colour {colour}] [subject {thing}] in [place {city}]")
    filled = ShapeBook([shape], SLOTS, "en").fill(shape.acts[0], Random(1))
    assert [(filled.text[s.start : s.end], s.kind) for s in filled.spans][-1] == ("Rome", "place")
    assert [s.kind for s in filled.spans] == ["colour", "subject", "place"]


def test_written_acts_are_joined_and_their_joining_words_belong_to_none():
    book = ShapeBook([shape_of(BOTH)], SLOTS, "en")
    for seed in range(20):
        example = book.draw(Random(seed))
        assert [(act.kind, act.scope) for act in example.acts] == [("find", "library"), ("look", "found")]
        assert example.text[example.starts[1]].lower() in "wh"  # of "what", perhaps mistyped
        assert "and" in "".join(example.text[s.start : s.end] for s in example.joiners).lower()


def test_two_shapes_are_joined_at_random_into_one_turn():
    lines = (
        "one | look | name | colour | what colour is [subject the {thing}]?",
        "one | count | number | | count [subject the {thing}]",
    )
    book = ShapeBook([shape_of(line) for line in lines], SLOTS, "en")
    examples = [book.draw(Random(seed)) for seed in range(200)]
    joined = [example for example in examples if len(example.acts) == 2]
    assert 10 < len(joined) < 60
    assert all(len(example.starts) == len(example.acts) for example in examples)
    assert all(stage_of(example.situation) in ("picture", "shown") for example in examples)


def test_noise_keeps_the_words_of_marked_parts_marked():
    text = "Where is the red kite in cat.jpg?"
    whole = marked(text, Span(9, 21, "subject"), Span(25, 32, "file"))
    seen = set()
    for seed in range(300):
        noised = add_noise(whole, "en", Random(seed))
        said = {span.kind: noised.text[span.start : span.end] for span in noised.spans}
        assert said["file"].lower() == "cat.jpg"
        assert "ed" in said["subject"].lower() or "kit" in said["subject"].lower()
        seen.add(noised.text)
    assert len(seen) > 50
    assert text in seen
    assert text.lower()[:-1] in seen


def test_noise_never_empties_an_act_and_is_the_same_for_the_same_chance():
    two = join([MarkedText.of("the"), MarkedText.of(" and ", act=JOINER), as_act(MarkedText.of("a b"), 1)])
    for language in NOISE:
        for seed in range(100):
            assert len(add_noise(two, language, Random(seed)).starts) == 2
    assert add_noise(two, "en", Random(5)) == add_noise(two, "en", Random(5))


def test_chinese_is_typed_with_slips_traditional_characters_and_no_marks():
    text = "哪张照片里有红色的车？"
    typed = {add_noise(marked(text, Span(6, 10, "subject")), "zh", Random(seed)).text for seed in range(400)}
    assert text in typed
    assert any(each.startswith("那张") for each in typed)
    assert any("紅" in each for each in typed)
    assert any(each.endswith("车") for each in typed)


def test_half_a_question_goes_on_with_the_kind_before_it():
    shape = shape_of("found:found | count | number | | and the [subject {thing}]?")
    before = [ShapeBook([shape], SLOTS, "en").draw(Random(seed)).situation.before for seed in range(100)]
    assert before.count("count") > 70


def test_replacing_letters_keeps_their_part_and_inserting_has_none():
    word = marked("a kite", Span(2, 6, "subject"))
    assert word.replace(3, 5, "tti").spans == (Span(2, 7, "subject"),)
    assert word.insert_plain(0, "hey ", act=0).spans == (Span(6, 10, "subject"),)
    assert word.append(word).spans == (Span(2, 6, "subject"), Span(8, 12, "subject"))


def test_questions_about_photos_say_only_what_their_beginning_is_sure_of():
    def told(question: str) -> ActLabels | None:
        row = {"question": question, "split": "train", "image": "a.jpg"}
        example = make_photo_question(row, Random(0))
        return example and example.acts[0]

    many, colour, yes = told("How many dogs?"), told("What color is the cup?"), told("Is the man happy?")
    assert many
    assert (many.kind, many.form) == ("count", "number")
    assert colour
    assert (colour.kind, colour.attribute) == ("look", "colour")
    assert yes
    assert (yes.kind, yes.form, yes.attribute) == ("look", "yes_no", None)
    assert told("What is in the picture?") is None
    assert make_photo_question({"question": "How many dogs?", "split": "dev"}, Random(0)) is None
    rooms = [
        make_room_question({"question": "how many chairs ?", "image": f"image{n}.jpg"}, Random(0)) for n in range(50)
    ]
    assert 0 < rooms.count(None) < 25  # every fifth photo is dev


def test_captions_are_searches_and_instructions_are_what_nothing_here_can_do():
    found = make_search({"captions": ["A dog runs ."], "split": "train"}, Random(1))
    assert found
    assert found.acts[0].kind == "find"
    assert make_search({"captions": ["A dog runs ."], "split": "dev"}, Random(1)) is None
    told = make_instruction({"instruction": "Why is the sea salty?"}, Random(0))
    assert told
    assert told.acts[0].kind == "unsupported"
    assert make_instruction({"instruction": "Summarise this passage"}, Random(0)) is None


def test_questions_about_passages_ask_documents_unless_there_are_none():
    row = {"question": "When was it built?", "lang": "en"}
    examples = [make_passage_question(row, Random(seed)) for seed in range(60)]
    kinds = {example.acts[0].kind for example in examples if example}
    assert kinds == {"document", "unsupported"}
    assert {
        example.situation.has_documents for example in examples if example and example.acts[0].kind == "unsupported"
    } == {False}
    assert {example.acts[0].attribute for example in examples if example and example.acts[0].kind == "document"} == {
        "date"
    }


def test_sources_that_are_not_there_give_nothing(tmp_path: Path):
    assert QuestionFolders(data=tmp_path, unpacked=tmp_path).read(5) == []


def test_tokens_are_labelled_by_the_letters_they_cover():
    example = RequestExample(
        text="find red kites and count them",
        situation=Situation(),
        language="en",
        acts=(ActLabels(kind="find", scope="library", form="list", attribute=""),) * 2,
        starts=(0, 19),
        joiners=(Span(15, 18, "joiner"),),
        spans=(Span(5, 14, "subject"), Span(25, 29, "reference")),
    )
    labels = label_tokens(example, WordEncoder().locate_words(example.text))
    names = [TAGS[tag] if tag >= 0 else None for tag in labels.tags]
    assert names == [None, "", "B-subject", "I-subject", "", "", "B-reference", None]
    assert labels.cuts == [UNKNOWN, INSIDE_ACT, INSIDE_ACT, INSIDE_ACT, JOINING, FIRST, INSIDE_ACT, UNKNOWN]
    assert labels.parts == [[0, 1, 2, 3], [5, 6]]


def test_a_temperature_is_higher_where_what_is_said_surely_is_often_wrong():
    sure = torch.tensor([[6.0, 0.0]] * 10)
    assert fit_temperature(sure, torch.tensor([0] * 6 + [1] * 4)) > 2 > fit_temperature(sure, torch.tensor([0] * 10))


def test_words_of_parts_are_compared_whole():
    one = Act(kind="find", text="", subject="The Kite", filters=ActFilters(date="2023"))
    assert list_parts(one) == {("subject", "the kite"), ("date", "2023")}
    other = Act(kind="find", text="", subject="kite", filters=ActFilters(date="2023"))
    assert compute_span_f1([([one], [one])]) == 100
    assert compute_span_f1([([one], [other])]) == 50


def books() -> ShapeBook:
    lines = (
        "fresh:library | find | list | | find [subject the {thing}]",
        "fresh:library | find | list | | photos of [subject a {thing}] in [place {city}]",
        "one | look | name | colour | what colour is [subject the {thing}]?",
        "talk | chat | sentence | | hello there",
        BOTH,
    )
    return ShapeBook([shape_of(line) for line in lines], SLOTS, "en")


def test_a_tiny_network_learns_kinds_scopes_parts_and_cuts_and_comes_back_from_its_file(tmp_path: Path):
    torch.manual_seed(0)
    encoder, book = WordEncoder(), books()
    encoder_upper = encoder.copy_upper()
    encoder.copy_upper = lambda: encoder_upper  # type: ignore[method-assign] # the same "packaged" layers every time
    examples = [book.draw(Random(f"train {n}")) for n in range(200)]
    data = ExampleStates(examples, encoder, tmp_path / "states")
    before = {name: value.clone() for name, value in encoder_upper.state_dict().items()}
    network = RequestNetwork(encoder.copy_upper(), WIDTH)
    config = RequestsConfig(epochs=8, batch=16, head_rate=8e-3, upper_rate=8e-3, average=0.7)
    train_requests(network, data, config, tmp_path / "run")
    encoder_upper = type(encoder_upper)()
    encoder_upper.load_state_dict(before)
    told = {"temperatures": {"kind": 1.2}, "pairs": sorted(allowed_pairs(examples))}
    layers, heads = tmp_path / "requests.safetensors", tmp_path / "heads.safetensors"
    write_layers(layers, network, encoder, WIDTH)
    write_heads(heads, network, layers, told)
    report = evaluate_requests(
        load_understander(encoder, heads, layers),
        [book.draw(Random(f"test {n}")) for n in range(80)],
    )
    scores = report.languages["en"]
    assert scores.kind > 55
    assert scores.scope > 90
    assert scores.cut > 60
    assert scores.span_f1 > 80
    assert scores.right_chance > scores.wrong_chance or scores.kind == 100
    assert '"kind"' in report.json()
    encoder.name = "other words"
    with pytest.raises(ConfigError, match="Train it again"):
        load_understander(encoder, heads, layers)
    encoder.name = "words"
    write_layers(layers, RequestNetwork(encoder.copy_upper(), WIDTH), encoder, WIDTH)
    with pytest.raises(ConfigError, match="not for the layers"):
        load_understander(encoder, heads, layers)
    assert "spans" in report.table()


def test_states_are_read_once_for_the_same_examples(tmp_path: Path):
    examples = [books().draw(Random(n)) for n in range(10)]
    encoder = WordEncoder()
    first = ExampleStates(examples, encoder, tmp_path / "states")
    encoder.read_tokens = None  # type: ignore[method-assign, assignment] # nothing is read again
    again = ExampleStates(examples, encoder, tmp_path / "states")
    rows = [3, 1]
    assert torch.equal(first[rows][0], again[rows][0])
    assert torch.equal(first[rows][1], again[rows][1])
    assert first[rows][0].shape[:2] == first[rows][1].shape


def test_layers_without_a_rate_stay_as_they_are_while_the_heads_learn(tmp_path: Path):
    encoder, examples = WordEncoder(), [books().draw(Random(n)) for n in range(40)]
    network = RequestNetwork(encoder.copy_upper(), WIDTH)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    config = RequestsConfig(epochs=1, batch=8, average=0.1)
    train_requests(network, ExampleStates(examples, encoder, tmp_path / "states"), config, tmp_path / "run")
    changed = {
        name.split(".")[0] for name, value in network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed == {"heads"}


def test_shapes_that_the_layers_know_are_drawn_less_often():
    whole = books()
    oftener = draw_oftener({"en": whole}, whole.shapes[:3], 4)["en"]
    assert [oftener.shapes.count(shape) for shape in whole.shapes] == [1, 1, 1, *[4] * (len(whole.shapes) - 3)]


def test_a_step_draws_the_same_batches_whenever_it_is_asked(tmp_path: Path):
    examples = [books().draw(Random(n)) for n in range(50)]
    data = ExampleStates(examples, WordEncoder(), tmp_path / "states")
    encoder = WordEncoder()
    trainers = [
        RequestTrainer(RequestNetwork(encoder.copy_upper(), WIDTH), data, RequestsConfig(batch=8)) for _ in range(2)
    ]
    assert trainers[0].shuffle(1) == trainers[1].shuffle(1) != trainers[0].shuffle(0)
    assert all(len(batch) == 8 for batch in trainers[0].shuffle(0))
