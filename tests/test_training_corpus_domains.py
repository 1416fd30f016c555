"""Shell, English, vision, instructions, dialogue and code: what their items hold, and that splits do not mix."""

import itertools
from random import Random

import pytest
from paper import sources

from deepseek_mm.training.corpus import photo_domains, text_domains
from deepseek_mm.training.corpus.items import CorpusItem, belongs_to, choose_split, make_chat


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return sources(tmp_path_factory.mktemp("raw"), num_photos=300)


def some(maker, raw, split="train", count=400):
    return list(itertools.islice(maker(raw, split, Random(1)), count))


@pytest.mark.campaign(times=1, only=True)
@pytest.mark.parametrize(
    "maker",
    [
        text_domains.make_code_items,
        text_domains.make_shell_items,
        text_domains.make_english_items,
        text_domains.make_instruction_items,
    ],
    ids=["code", "shell", "english", "instructions"],
)
def test_every_item_is_of_a_source_of_its_split(maker, raw):
    for split in ("train", "held"):
        made = some(maker, raw, split)
        assert made
        assert all(choose_split(item.source) == split for item in made)


def test_about_eight_sources_in_a_hundred_are_held_out_and_long_documents_like_the_others():
    held = [n for n in range(5000) if choose_split(f"source {n}") == "held"]
    assert 300 < len(held) < 500
    assert belongs_to(f"source {held[0]}", "long_held")
    assert not belongs_to(f"source {held[0]}", "long_train")


def test_tasks_of_mbpp_before_511_are_left_out_and_solutions_are_tidied(raw):
    made = [item for split in ("train", "held") for item in text_domains.make_task_items(raw, split, Random(1))]
    assert {int(item.source.split()[1]) for item in made} == set(range(511, 560))
    number = made[0].source.split()[1]
    assert made[0].messages[-1].text == f"```python\ndef add_{number}(x):\n    return x + {number}\n```"


def test_piles_are_used_up_in_turn():
    piles = [iter([CorpusItem(source=name, text=text) for text in texts]) for name, texts in (("a", "123"), ("b", "4"))]
    assert [item.text for item in text_domains.take_in_turn(piles)] == ["1", "4", "2", "3"]


def test_a_command_is_told_as_a_page_or_asked_for_in_both_directions(raw):
    made = some(text_domains.make_shell_items, raw)
    pages = [item.text for item in made if item.text]
    asked = {item.messages[0].text: item.messages[1].text for item in made if item.messages}
    assert any(page.startswith("# tool") and "`tool" in page for page in pages)
    assert any(answer.startswith("`tool") and "--list path" in answer for answer in asked.values())
    assert any("list thing" in question for question in asked)
    assert "{{" not in "".join(pages) + "".join(asked.values())


@pytest.mark.campaign(times=1, only=True)
def test_only_passages_and_descriptions_that_are_long_enough_are_english(raw):
    made = some(text_domains.make_english_items, raw)
    assert all(len(item.text) >= text_domains.LEAST_PROSE_CHARS for item in made)
    assert {item.source.split()[0] for item in made} == {"passage", "package"}
    assert not any(item.text.startswith("Context: ") for item in made)


def test_long_documents_are_long_and_joined_of_one_split(raw):
    made = some(text_domains.make_english_items, raw, "long_train", 5)
    assert made
    assert all(
        len(item.text) >= text_domains.LONG_PROSE_CHARS and choose_split(item.source) == "train" for item in made
    )


def test_requests_that_need_a_missing_text_are_left_out(raw):
    made = [item for split in ("train", "held") for item in some(text_domains.make_instruction_items, raw, split)]
    assert len(made) == 108
    assert all(message.text != "Look at the text." for item in made for message in item.messages)


def test_a_dialogue_has_several_turns_and_remembers_what_was_asked(raw):
    made = some(text_domains.make_dialogue_items, raw, count=200)
    assert all(len(item.messages) >= 4 for item in made)
    assert {item.source.split()[0] for item in made} == {"photo", "passage", "request"}
    recalled = [item for item in made if item.messages[-1].text.startswith("You asked: ")]
    for item in recalled:
        told = item.messages[-1].text.removeprefix("You asked: ").strip('"')
        first = "first" in item.messages[-2].text or "start" in item.messages[-2].text
        assert told == item.messages[0 if first else -4].text
    assert recalled


def test_talks_about_a_photo_bring_facts_with_the_last_question_only(raw):
    item = next(item for item in some(text_domains.make_dialogue_items, raw) if item.source.startswith("photo"))
    users = [message.text for message in item.messages if message.role == "user"]
    assert [text.startswith("Facts:") for text in users] == [False] * (len(users) - 1) + [True]
    assert not item.all_answers


def test_a_description_is_a_caption_of_the_photo_and_cites_the_whole(raw):
    made = some(photo_domains.make_vision_items, raw)
    told = [item.messages for item in made if item.messages[1].text.startswith("Facts:")]
    assert len(told) > 150
    assert all("whole photo" in messages[1].text and messages[2].text.endswith(" [1].") for messages in told)


def test_two_captions_are_called_different_only_if_their_photos_share_nothing(raw):
    answers = {item.messages[-1].text for item in some(photo_domains.make_vision_items, raw)}
    assert {"Yes, both fit the same photo.", "No, they describe different photos."} <= answers
    assert photo_domains.tidy("a  dog , the boy 's .") == "A dog, the boy's"


def test_a_chat_takes_turns_and_strips_what_surrounds_its_words():
    item = make_chat("s", " Hello \n", "Hi.", system="Be kind.")
    assert [(m.role, m.text) for m in item.messages] == [
        ("system", "Be kind."),
        ("user", "Hello"),
        ("assistant", "Hi."),
    ]
    assert item.words == "Be kind.\nHello\nHi."


def test_of_two_spellings_of_a_flag_the_long_one_is_kept():
    assert (
        text_domains.fill_placeholders("d2 {{[-w|--watch]}} {{a|b}} {{path/to/file}}") == "d2 --watch a|b path/to/file"
    )
    assert text_domains.lower_sentence("[L]ist all files:") == "list all files"
