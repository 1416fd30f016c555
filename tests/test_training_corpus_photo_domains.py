"""Evidence tasks: the answers that are learned are those that the product would show."""

import itertools
import json
from random import Random

import pytest
from paper import shelf, sources

from deepseek_mm.answering.composer import REPHRASE, RULES, SHAPES, restore_names
from deepseek_mm.answering.verifier import CITED
from deepseek_mm.config import Config
from deepseek_mm.errors import NothingThere
from deepseek_mm.evaluation.answers import weigh_answer
from deepseek_mm.training.corpus.items import choose_split
from deepseek_mm.training.corpus.photo_domains import (
    capitalise,
    choose_photos,
    is_carried,
    list_wordings,
    make_answer_item,
    make_evidence_items,
    normalise_caption,
    refuse,
    rephrase,
    word_answer,
    word_claim,
)
from deepseek_mm.types import Claim


def asked(kind, count=40):
    draw, photos = Random(3), shelf()
    return [photos.ask(kind, draw) for _ in range(count)]


@pytest.mark.parametrize("kind", ["answerable", "unanswerable", "counting", "which"])
def test_every_sentence_that_is_learned_is_grounded_and_cites_what_it_rests_on(kind):
    for one in asked(kind):
        said = weigh_answer(word_answer(one, Config(), Random(1)), one, Config())
        assert all(said.kept), said.text
        assert (said.precision, said.recall) == (1.0, 1.0), said.text
        assert said.is_refusal == (kind == "unanswerable"), said.text


def test_the_words_vary_and_seldom_are_the_program_s_own():
    one = asked("which", 1)[0]
    answers = {word_answer(one, Config(), Random(seed)) for seed in range(40)}
    assert len(answers) >= 4


def test_a_refusal_names_every_entry_that_was_looked_at():
    one = next(one for one in asked("unanswerable") if not one.case.claims)
    for seed in range(20):
        said = refuse(one.case.program.thing_phrases, one.truth, one.case.evidence, Config(), Random(seed))
        assert {int(n) for n in CITED.findall(said)} == {entry.number for entry in one.case.evidence}


@pytest.mark.parametrize(
    ("claim", "wording"),
    [
        ("Yes, there is probably a dog in this photo", "Yes, you can probably see a dog in this photo"),
        ("This photo probably also shows grass", "I can probably also see grass"),
        (
            "No, I see no red car in a.jpg, but a car that looks blue",
            "No, there is no red car in a.jpg, but a car that looks blue",
        ),
        ("The dog looks black and white", "You can see that the dog is black and white"),
        ("The hat is on the left and looks black", "You can see the hat on the left, and it is black"),
        ("Another dog is at the top left of this photo", "Another dog can be seen at the top left of this photo"),
        ("At least 2 photos show a dog", "At least 2 of your photos show a dog"),
        ("At least 1 photo shows a dog", "There is at least 1 photo with a dog"),
        ("I can point at 1 dog in a.jpg, and there could be more", "There is at least 1 dog in a.jpg"),
        ("my dog 3.png shows a ball", "my dog 3.png contains a ball"),
        ("None of these 3 pictures shows a cat", "I looked, but none of these 3 pictures shows a cat"),
    ],
)
def test_a_claim_has_the_wordings_of_its_own_pattern(claim, wording):
    assert wording in list_wordings(claim)


def test_a_claim_without_a_pattern_keeps_the_program_s_words():
    one = asked("answerable", 1)[0]
    claim = Claim("It is what it is", (1,), 1.0)
    assert word_claim(claim, one.case.evidence, Config(), Random(0)) == "It is what it is [1]."
    assert capitalise("in a.jpg  there is  ") == "In a.jpg there is"


def test_one_claim_alone_is_phrased_as_the_product_would_keep_it():
    seen = 0
    for one in asked("which") + asked("answerable"):
        for claim in one.case.claims:
            if claim.shape and (said := rephrase(claim, one.case.evidence, Config(), Random(2))):
                assert is_carried(restore_names(said, claim, one.case.evidence), claim, one.case.evidence, Config())
                seen += 1
    assert seen > 20


def test_tasks_have_the_product_s_prompts_and_only_the_last_answer_is_to_be_learned(tmp_path):
    made = list(itertools.islice(make_evidence_items(sources(tmp_path), "train", Random(5)), 200))
    systems = {item.messages[0].text for item in made}
    assert systems == {RULES, REPHRASE}
    assert all(item.messages[-1].role == "assistant" and not item.all_answers for item in made)
    texts = [item.messages[-2].text for item in made]
    assert 30 < sum("\nDraft: " in text for text in texts) < 120
    assert 30 < sum("Answer from the facts" in text for text in texts) < 140
    examples = {draft for shape in SHAPES.values() for draft in shape}
    assert any(item.messages[1].text in examples and len(item.messages) == 9 for item in made)


def test_a_question_without_claims_is_never_given_an_empty_draft():
    one = next(one for one in asked("unanswerable") if not one.case.claims)
    assert "Draft" not in make_answer_item(one, Config(), Random(0), drafted=True).messages[-2].text


def test_photos_of_both_splits_have_no_caption_in_common(tmp_path):
    captions = sources(tmp_path, num_photos=200).captions
    shown = [json.loads(line) for line in captions.read_text().splitlines()]
    for row in shown[::2]:
        row["captions"][0] = "One dog , the same everywhere ."
    captions.write_text("\n".join(map(json.dumps, shown)))
    learned, held = choose_photos(captions, "train"), choose_photos(captions, "held")
    said = {normalise_caption(text) for photo in learned for text in photo.captions}
    assert not any(normalise_caption(text) in said for photo in held for text in photo.captions)
    assert 0 < len(held) < sum(choose_split(f"photo {n}.jpg") == "held" for n in range(200))


def test_captions_of_too_few_photos_to_hold_some_out_are_refused(tmp_path):
    with pytest.raises(NothingThere, match="no photo of .* is left for the split 'held'"):
        choose_photos(sources(tmp_path, num_photos=1).captions, "held")


def test_a_wording_that_the_rules_would_drop_is_not_learned():
    evidence = asked("answerable", 1)[0].case.evidence
    claim = Claim("This photo shows a dog", (99,), 1.0)
    assert {word_claim(claim, evidence, Config(), Random(seed)) for seed in range(20)} == {
        "This photo shows a dog [99]."
    }
