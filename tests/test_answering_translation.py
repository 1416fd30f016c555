"""Acts in Chinese and German for those who look in English."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from deepseek_mm.answering.translation import ActTranslator, WordComparer, split_colour, tell_foreign
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.language.detection import foreign_sentences
from deepseek_mm.language.photo_questions import photo_question
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.types import Act, ActFilters, Answer, Claim, Question, Request

NAMES = ["cat", "cap", "bowl"]
MEANS = {"猫": 0, "Mütze": 1, "帽子": 1, "碗": 2}


def embed(texts: Sequence[str]) -> Floats:
    rows = [np.eye(3)[MEANS[text]] if text in MEANS else np.full(3, 0.1) for text in texts]
    return np.array(rows, np.float32)


@pytest.fixture
def translator() -> ActTranslator:
    eye = np.eye(3, dtype=np.float32)
    return ActTranslator(NAMES, lambda: WordComparer(eye, eye, embed=embed, encode=embed))


@pytest.mark.parametrize(
    ("words", "split"),
    [
        ("红色的帽子", ("red", "帽子")),
        ("gelbe Mütze", ("yellow", "Mütze")),
        ("猫", ("", "猫")),
        ("黑猫", ("black", "猫")),
    ],
)
def test_a_colour_is_told_from_the_thing(words: str, split: tuple[str, str]) -> None:
    assert split_colour(words) == split


@pytest.mark.parametrize("words", ["Mütze", "die Mütze", "eine Mütze", "Meine Mütze"])
def test_a_german_article_is_no_part_of_the_thing(translator: ActTranslator, words: str) -> None:
    assert translator.translate_words(words, "de") == "cap"


def test_a_question_for_a_colour_is_asked_in_english(translator: ActTranslator) -> None:
    act = Act(kind="look", text="帽子是什么颜色?", subject="帽子", attribute="colour")
    told = translator.translate(act, "zh")
    assert (told.subject, told.text) == ("hat", "what colour is the hat?")


def test_whether_a_thing_is_there_and_how_many_are_asked_by_form_and_kind(translator: ActTranslator) -> None:
    there = translator.translate(Act(kind="look", text="有猫吗", subject="猫", form="yes_no"), "zh")
    many = translator.translate(Act(kind="count", text="几只猫", subject="猫", form="number"), "zh")
    assert (there.text, many.text) == ("is there a cat?", "how many cats are there?")


def test_english_acts_and_words_that_nothing_is_near_to_stay(translator: ActTranslator) -> None:
    english = Act(kind="look", text="what colour is it", subject="cap")
    assert translator.translate(english, "en") == english
    assert translator.translate(Act(kind="find", text="找猫", subject="猫"), "zh").subject == "cat"
    assert translator.translate_words("量子", "zh") == "量子"


def asked_in(language: str, text: str, subject: str, **more: object) -> QuestionContext:
    """Somebody asked for something in this language; `more` is what came of it."""
    act = Act(kind="find", text=text, subject=subject, scope="library")
    request = Request(acts=(act,), language=language)
    return QuestionContext(question=Question(text=text), program=photo_question(act), act=act, request=request, **more)  # type: ignore[arg-type]


def test_a_question_of_which_nothing_was_understood_is_told_so_in_its_own_language() -> None:
    case = asked_in("fi", "Etsi koira kuvista", "koira", refused=True, said='I found no photo for "koira".')
    assert tell_foreign(case, "fi").said == foreign_sentences()["fi"]["unread"]


def test_what_may_have_been_misread_is_told_with_what_it_was_read_as() -> None:
    case = asked_in("fi", "Etsi kissoja", "kissoja", refused=True, said='I found no photo for "kissing".')
    assert tell_foreign(case, "fi").said == f"{foreign_sentences()['fi']['unread']} {case.said}"


def test_a_language_that_is_understood_is_answered_in_english_and_told_so_once() -> None:
    claim = Claim("cat.jpg: The cat is on the left", (1,), 0.9)
    case = asked_in("ru", "\u0413\u0434\u0435 \u043a\u043e\u0448\u043a\u0430?", "cat", claims=(claim,))
    (told,) = tell_foreign(case, "ru").claims
    assert told.text == f"{foreign_sentences()['ru']['english']} {claim.text}"
    before = SimpleNamespace(answer=Answer(text="", request=case.request))
    assert tell_foreign(replace(case, turns=(before,)), "ru").claims == (claim,)  # type: ignore[arg-type]
    assert tell_foreign(case, "en") == case


def test_a_guess_of_the_network_alone_tells_nobody_that_the_question_is_french() -> None:
    case = asked_in("fr", "Visa mig blommor", "flowers", said="3 photos fit")
    assert tell_foreign(case, "fr") == case
    french = asked_in("fr", "Montre-moi les fleurs rouges", "flowers", said="3 photos fit")
    assert tell_foreign(french, "fr").said.startswith(foreign_sentences()["fr"]["english"])


@pytest.mark.parametrize(
    ("text", "asked", "form"),
    [
        ("哪个牌子的", "which brand is it?", "name"),
        ("她戴眼镜了吗", "is she wearing glasses?", "yes_no"),
        ("桌子上放着什么", "what is on the table?", "name"),
        ("這是做什麼用的", "what is it used for?", "name"),
        ("图里有几只狗", "how many dogs are there?", "number"),
        ("这是什么动物", "what kind of animal is it?", "name"),
        ("照片里有什么", "what is in this photo?", "name"),
    ],
)
def test_a_chinese_question_about_a_photo_is_asked_as_english_does(
    translator: ActTranslator, text: str, asked: str, form: str
) -> None:
    act = translator.translate(Act(kind="look", text=text, scope="picture", form="name"), "zh")
    assert (act.text, act.form) == (asked, form)


def test_somebody_who_was_marked_is_who_does_it(translator: ActTranslator) -> None:
    act = Act(kind="look", text="猫在做什么", subject="猫", scope="picture", attribute="activity")
    assert translator.translate(act, "zh").text == "what is the cat doing?"
    over_library = Act(kind="look", text="猫在做什么", subject="猫", attribute="activity")
    assert "cat" in translator.translate(over_library, "zh").subject


@pytest.mark.parametrize(
    ("text", "asked", "kind"),
    [
        ("有多少张照片里有狗", "how many photos show dogs?", "count"),
        ("图库里有多少张照片", "how many things are there?", "count"),
        ("找红色的东西", "show me something red", "find"),
        ("最贵的水果是什么", "what is the most expensive fruit?", "compare"),
        ("猫和狗哪个照片多", "are there more photos of cats or dogs?", "compare"),
        ("有没有带字的照片", "photos with text", "find"),
    ],
)
def test_a_chinese_question_about_all_photos_is_asked_as_english_does(
    translator: ActTranslator, text: str, asked: str, kind: str
) -> None:
    act = Act(kind="count" if kind == "count" else "find", text=text)
    told = translator.translate(act, "zh")
    assert (told.text, told.kind) == (asked, kind)


def test_what_bounds_a_search_is_not_lost_in_a_form(translator: ActTranslator) -> None:
    act = Act(kind="find", text="去年拍的红色的东西", subject="红色的东西", filters=ActFilters(date="去年"))
    assert translator.translate(act, "zh").text != "show me something red"


@pytest.mark.parametrize(
    ("language", "kind", "text", "subject", "place", "asked"),
    [
        ("de", "count", "Wie viele Videos habe ich?", "Videos", "", "how many things are there? Videos"),
        ("de", "find", "meine Lieblingsfotos", "", "", "photos meine Lieblingsfotos"),
        ("de", "count", "Wie viele Fotos habe ich in Italien?", "", "Italien", "how many things are there? in Italy"),
        ("zh", "count", "我在意大利拍了多少张照片", "", "意大利", "how many things are there? in Italy"),
        ("zh", "find", "意大利的照片", "意大利", "意大利", "Italy"),
    ],
)
def test_places_videos_and_favourites_are_kept_in_english(
    translator: ActTranslator, language: str, kind: str, text: str, subject: str, place: str, asked: str
) -> None:
    act = Act(kind=kind, text=text, subject=subject, filters=ActFilters(place=place), scope="library")
    assert translator.translate(act, language).text == asked
