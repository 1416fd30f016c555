"""Words of signs: their language and what they mean."""

from deepseek_mm.language.signs import meanings, sign_languages, signs


def test_the_table_knows_words_with_their_meanings() -> None:
    assert signs()["ausgang"] == {"German": "exit"}
    assert signs()["ceda el paso"]["Spanish"] == "give way"


def test_a_sign_speaks_for_the_languages_that_have_its_words() -> None:
    assert sign_languages("PARE")[0] == "Spanish"
    assert "Portuguese" not in sign_languages("SALIDA")
    assert sign_languages("Bäckerei")[0] == "German"
    assert sign_languages("出口")[0] in ("Japanese", "Chinese")


def test_words_that_nobody_knows_speak_for_no_language() -> None:
    assert sign_languages("XYZZY 12") == []


def test_meanings_are_told_of_foreign_words_only() -> None:
    assert meanings("STOP SORTIE") == {"sortie": "exit"}
