"""Which language a search is in: others than English are told, and English is never called anything else."""

import pytest
from fakes import ColourSpace
from rag_house import build

from deepseek_mm.language.detection import code_of, foreign_sentences, language_of
from deepseek_mm.retrieval.search import ENGLISH_ONLY, names_of
from deepseek_mm.types import Query

FOREIGN = {
    "German": (
        "ein Hund am Strand",
        "Katze",
        "zwei Kinder spielen mit einem Ball",
        "Berge im Schnee",
        "ein rotes Auto",
    ),
    "French": ("un chien sur la plage", "deux enfants avec une balle", "voiture rouge", "la montagne", "le chat noir"),
    "Spanish": ("un perro en la playa", "niños con una pelota", "coche rojo", "el cielo azul", "perro"),
    "Italian": ("un cane sulla spiaggia", "bambini con una palla", "la macchina rossa", "gatto nero", "il mare"),
    "Portuguese": ("um cachorro na praia", "crianças com uma bola", "carro vermelho", "menina", "o céu azul"),
    "Dutch": ("een hond op het strand", "kinderen met een bal", "rode fiets", "de kat", "bergen met sneeuw"),
    "Chinese": ("海滩上的一只狗", "猫", "红色的车 car"),
    "Japanese": ("海辺の犬", "ねこ"),
    "Korean": ("해변의 개",),
    "Cyrillic letters": ("собака на пляже", "кошка"),
    "Arabic": ("كلب على الشاطئ",),
    "Greek": ("ένας σκύλος",),
}
ENGLISH = (
    "a dog on a beach", "a man in a red hat", "die cast car", "chat window", "café", "de", "", "42", "IMG_0042",
    "la la land poster", "a kind man on a strand of sand", "naïve résumé", "pain au chocolat on a table", "gray", "no",
    "bike", "an old man with a cane on the street", "a piñata at a party", "sushi", "a uno card and the die",
)  # fmt: skip


@pytest.mark.parametrize(("language", "text"), [(name, text) for name, texts in FOREIGN.items() for text in texts])
def test_words_of_another_language_are_told_by_its_name(language, text):
    assert language_of(text) == language


@pytest.mark.parametrize("text", ENGLISH)
def test_english_and_what_may_be_english_is_left_alone(text):
    assert language_of(text) == ""


def test_a_search_says_what_nothing_reads_and_only_that(tmp_path):
    with build(tmp_path / "data", space=ColourSpace()) as house:
        assert house.retriever.search.foreign("ein Hund am Strand") == ""
        space = ColourSpace()
        space.name = ENGLISH_ONLY[0]
        house.retriever.search.space = space
        assert house.retriever.search.foreign("ein Hund am Strand") == "German"
        assert house.retriever.search.foreign("a dog") == ""
        space.languages_fingerprint = "something reads them"
        assert house.retriever.search.foreign("ein Hund am Strand") == ""


def test_words_of_two_languages_go_by_what_says_more():
    assert language_of("the 咖啡 shop") == "Chinese"
    assert language_of("photos of Hund und Katze am Strand") == "German"
    assert language_of("a man in front of a sign that says Biergarten and a dog on the street") == ""


def test_words_that_english_has_as_well_tell_where_nearly_all_are_of_one_language():
    assert language_of("le chat") == "French"
    assert language_of("Münzen") == "German"
    assert language_of("chat window") == ""


def test_a_long_text_is_told_by_its_beginning_alone():
    assert language_of("the dog of the man " * 60 + "der Hund und die Katze " * 500) == ""


def test_words_of_another_language_are_looked_for_as_a_whole_and_english_by_its_things():
    assert names_of(Query(text="ein Hund am Strand")) == ["ein hund am strand"]
    assert names_of(Query(text="海滩上的一只狗")) == ["海滩上的一只狗"]
    assert names_of(Query(text="a dog on a beach")) == ["dog", "beach"]


ASKED = {
    "fi": "Missä koira on?", "th": "แมวอยู่ที่ไหน", "ar": "أين القطة؟", "fa": "گربه کجاست؟", "ru": "Где кошка?",
    "uk": "Де кіт?", "ja": "猫はどこですか？", "ko": "고양이가 어디에 있나요?", "it": "Dov'è il gatto?",
    "pt": "Quantas fotos mostram cães?", "nl": "Hoeveel foto's zijn er?", "pl": "Ile jest zdjęć psów?",
    "sv": "Visa mig blommor", "da": "Vis mig blomster", "no": "Hva er på bildet, og hvor er katten?",
    "tr": "Kaç köpek var?", "hi": "बिल्ली कहाँ है?", "el": "Πού είναι η γάτα;", "he": "איפה החתול?",
    "vi": "Con mèo ở đâu?", "cs": "Kde je kočka?", "hu": "Mutass virágokat", "ro": "Unde este pisica?",
    "id": "Di mana kucing itu?", "bn": "বিড়াল কোথায়?",
}  # fmt: skip


@pytest.mark.parametrize(("code", "text"), ASKED.items())
def test_a_question_is_known_to_be_in_one_of_many_languages_with_sentences_of_their_own(code, text):
    assert code_of(text) == code
    assert set(foreign_sentences()[code]) == {"unread", "english"}


@pytest.mark.parametrize("text", ["Benenne die Datei um", "Spiel Musik", "merkt es neue Fotos", "koira", *ENGLISH])
def test_one_word_of_another_language_does_not_make_a_question_foreign(text):
    assert code_of(text) in ("", "de")


def test_the_sentences_of_a_language_are_in_that_language():
    sentences = foreign_sentences()
    assert len(sentences) >= 25
    assert {code: code_of(each["unread"]) for code, each in sentences.items()} == {code: code for code in sentences}


def test_the_name_of_a_file_says_nothing_of_the_language():
    assert language_of("Anna在portrait-of-somebody-else.jpg里吗？") == "Chinese"
    assert language_of("Zeig mir the-old-church-by-the-sea.JPG und die Kirche") == "German"
