"""Writing in a photo answers: numbers, names, prices, signs; and it is said when nothing can be read."""

from photo_turns import line, region, turn_of

from deepseek_mm.answering.skills.read import answer_by_text, wants_text

CAR = region("car", (100, 100, 190, 190))


def say(text: str, *lines: object, parts: tuple = (), **act: str) -> str:
    draft = answer_by_text(turn_of(text, *parts, **act), lines)  # type: ignore[arg-type]
    assert draft is not None
    return draft.claims[0].text


def test_a_number_is_read_from_the_thing_that_it_is_on() -> None:
    lines = [line("R 9000", (0, 0, 80, 40)), line("F.D. 245", (120, 130, 160, 145))]
    told = say("what number is on the car", *lines, parts=(CAR,), subject="the car", attribute="number", kind="read")
    assert told == "The number that I can read is 245"


def test_a_price_is_no_other_number() -> None:
    assert say("how much is it?", line("Nr 12"), line("2,49", (10, 60, 60, 80)), attribute="price") == (
        "The price that I can read is 2,49"
    )


def test_a_name_is_the_largest_words_and_a_road_ends_with_its_kind() -> None:
    lines = [line("Left", (10, 10, 50, 40)), line("Harlem River Drive exit", (10, 100, 90, 112))]
    assert say("what road is this", *lines) == 'It says "Harlem River Drive"'
    assert say("which company runs it", *lines) == 'It says "Left"'


def test_a_sign_is_quoted_as_a_whole_in_reading_order() -> None:
    lines = [line("POOPING", (30, 60, 90, 75)), line("STOP", (20, 10, 100, 50))]
    assert say("what does the sign say", *lines, kind="read") == 'It says: "STOP POOPING"'


def test_text_on_the_thing_beside_is_not_what_stands_behind_it() -> None:
    sign = region("sign", (0, 0, 100, 100))
    lines = [line("STOP", (10, 10, 90, 60)), line("BEST BUY", (120, 120, 190, 140))]
    told = say("which store is behind the sign?", *lines, parts=(sign,), other="the sign")
    assert told == 'It says "BEST BUY"'
    told = say("which store is behind the sign?", lines[0], parts=(sign,), other="the sign")
    assert told == "What I can read stands on the sign, so I cannot tell the store"


def test_the_language_of_a_sign_and_its_meaning_are_told() -> None:
    assert "German" in say("what language is it in?", line("AUSGANG"), kind="read")
    assert say("what does it mean?", line("AUSGANG"), kind="read") == '"ausgang" means "exit"'


def test_nothing_to_read_is_said_and_refused() -> None:
    draft = answer_by_text(turn_of("which company runs this train"), [])
    assert draft is not None
    assert draft.refused
    assert draft.claims[0].text == "I find no text that I can read in this photo, so I cannot tell the company"
    assert answer_by_text(turn_of("what event is this"), [], must=False) is None


def test_questions_that_want_something_written_are_known() -> None:
    assert wants_text(turn_of("which railway company runs this train"))
    assert wants_text(turn_of("what does it say"))
    assert wants_text(turn_of("read it", kind="read"))
    assert not wants_text(turn_of("what kind of shop is it"))
    assert not wants_text(turn_of("is the store open?", form="yes_no"))
    assert not wants_text(turn_of("how many signs are there", kind="count"))


def test_prices_are_compared_and_named_by_the_words_beside_them() -> None:
    lines = [
        *(line("ORANGES", (10, 10, 60, 20)), line("24,90", (10, 25, 60, 45))),
        *(line("PLUMS", (120, 10, 170, 20)), line("79,95", (120, 25, 170, 45))),
    ]
    assert say("which is cheaper?", *lines, attribute="price") == (
        'The lowest price that I can read is 24,90, beside "ORANGES"'
    )
    assert 'beside "PLUMS"' in say("what is the most expensive one", *lines, attribute="price", kind="read")


def test_a_price_a_kilo_is_the_one_that_says_so() -> None:
    lines = [line("49,90", (10, 10, 60, 60)), line("19,95 kr/kg", (10, 70, 60, 80))]
    assert "19,95" in say("how much per kilo?", *lines, attribute="price")
    assert "49,90" in say("how much is it?", *lines, attribute="price")


def test_a_city_is_told_where_its_name_is_written_and_else_not_guessed() -> None:
    assert say("which city is that", line("VISIT"), line("London", (10, 40, 60, 60))) == 'It says "London"'
    told = say("what city could that be", line("HERBS"))
    assert told == "I cannot tell which city it is: nothing that I can read says it"


def test_the_hands_of_a_clock_are_not_read() -> None:
    assert wants_text(turn_of("what time is it on this clock", kind="unsupported", attribute="time"))
    assert say("what time is it on this clock", line("CORREOS")).startswith("I cannot tell the time")
    assert "12:45" in say("what time does the clock show", line("12:45"))


def test_an_act_that_asks_nothing_written_is_not_read_whatever_it_is_called() -> None:
    assert not wants_text(turn_of("what stands by the wall?", kind="look", attribute="text"))
    assert not wants_text(turn_of("what's the name of the player", kind="read", attribute="text"))
    assert wants_text(turn_of("what is the number of the kid in blue?", kind="count"))
