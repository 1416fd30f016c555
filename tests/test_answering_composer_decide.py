"""The answer grows out of checked sentences and never loses a claim."""

from rag_house import photo_of

from deepseek_mm.answering.composer import before, covers, decide, missing, own, useful
from deepseek_mm.types import Check, Claim

EVIDENCE = photo_of(("dog", (0, 0, 90, 90), "black", 0.9), ("cup", (100, 0, 190, 90), "red", 0.7))
DOG = Claim("Yes, there is a dog in this photo", (2,), 0.9)
CUP = Claim("There is probably a red cup", (3,), 0.7)


def said(text, *numbers, kept=True):
    return Check(claim=text, numbers=numbers, kept=kept, reason="carried by what it cites")


def test_a_sentence_covers_a_claim_when_it_says_all_of_it():
    assert covers(said("Yes, I can see a dog [2].", 2), DOG)
    assert covers(said("Yes, a black dog [2] and a kite [1].", 2, 1), DOG)


def test_a_sentence_does_not_cover_a_claim_whose_yes_number_doubt_or_word_it_lacks():
    assert not covers(said("I can see a dog [2].", 2), DOG)
    assert not covers(said("Yes, I can see a dog [1].", 1), DOG)
    assert not covers(said("There is a red cup [3].", 3), CUP)
    assert not covers(said("There is probably a cup [3].", 3), CUP)
    assert not covers(said("Yes, there is no dog [2].", 2), DOG)
    assert not covers(said("Yes, I can see a dog [2].", 2, kept=False), DOG)


def test_claims_that_nobody_phrased_are_still_missing():
    assert missing([said("Yes, a dog [2].", 2)], [DOG, CUP]) == [CUP]
    assert missing([], [DOG, CUP]) == [DOG, CUP]


def test_the_direct_answer_comes_before_a_first_sentence_that_does_not_give_it():
    cup = said("There is probably a red cup [3].", 3)
    assert before(cup, [], [DOG, CUP]) == [DOG]
    assert before(said("Yes, a dog [2].", 2), [], [DOG, CUP]) == []
    assert before(cup, [own(DOG)], [DOG, CUP]) == []


def test_a_sentence_that_only_repeats_is_dropped():
    again = useful(said("Yes, there is a dog [2].", 2), [own(DOG)], [DOG])
    assert not again.kept
    assert again.reason == "it says nothing that is not said better"


def test_a_sentence_that_adds_a_carried_word_stays():
    assert useful(said("The dog is black [2].", 2), [own(DOG)], [DOG]).kept


def test_citations_come_in_the_order_of_their_first_mention():
    answer = decide([said("A cup [3] and a dog [2].", 3, 2), said("A dog [2].", 2)], [], EVIDENCE)
    assert [citation.number for citation in answer.citations] == [3, 2]
    assert answer.citations[0].region.label == "cup"


def test_an_answer_is_as_sure_as_the_least_certain_claim_in_it():
    assert decide([own(DOG)], [DOG, CUP], EVIDENCE).confidence == 0.9
    assert decide([own(DOG), own(CUP)], [DOG, CUP], EVIDENCE).confidence == 0.7
    assert decide([], [DOG], EVIDENCE).confidence is None


def test_dropped_sentences_are_listed_with_their_reason_but_not_shown():
    dropped = Check(claim="A fox [2].", numbers=(2,), kept=False, reason="nothing it cites carries: A fox")
    answer = decide([dropped, own(DOG)], [DOG], EVIDENCE)
    assert answer.text == "Yes, there is a dog in this photo [2]."
    assert answer.checks == (dropped, own(DOG))
    assert [citation.number for citation in answer.citations] == [2]


def test_the_model_is_named_only_if_its_words_are_shown():
    assert decide([own(DOG)], [DOG], EVIDENCE, model="parrot").model == ""
    assert decide([said("Yes, a dog [2].", 2)], [DOG], EVIDENCE, model="parrot").model == "parrot"
