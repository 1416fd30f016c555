"""What skills say in English is said in the language of whoever asked, as far as the tables know it."""

import json
import re
from pathlib import Path

import pytest
from safetensors import safe_open

import deepseek_mm
from deepseek_mm.answering.library_sentences import lacking, nearest, not_found, not_told, refuse_unmeasured
from deepseek_mm.answering.skills.decline import ROWS
from deepseek_mm.embeddings.heads import read_groups
from deepseek_mm.language.categories import categories
from deepseek_mm.language.kinds import is_kind_of
from deepseek_mm.language.own_sentences import (
    SENTENCES_FILE,
    SLOT,
    fill_form,
    find_name,
    name_in_english,
    names_in_english,
    one_of,
    read_forms,
    read_names,
    translate_name,
    translate_own,
)
from deepseek_mm.language.words import IS_A, join_sentences, names_the_same
from deepseek_mm.retrieval.photo_finder import PhotoMatch
from deepseek_mm.types import Act, Claim
from deepseek_mm.vision.detector.detector import NAMES
from deepseek_mm.vision.picture_kind import KINDS
from deepseek_mm.vision.vocabulary import read_names as read_labels
from index import Source

WEIGHTS = Path(deepseek_mm.__file__).parent / "weights"
CHINESE = re.compile("[\u4e00-\u9fff]")
FILLED = {
    "f": "cat.jpg",
    "g": "b.png",
    "n": "3",
    "m": "2",
    "w": "in this photo",
    "d": "probably ",
    "q": "a/b 7",
    "b": "of type PNG",
} | {**dict.fromkeys("sxyo", "red")}
FORMS = [paragraph.strip().split("\n") for paragraph in SENTENCES_FILE.read_text("utf-8").split("\n\n")[1:]]


OTHER_WORDS = (
    "kitty|doggy|cycle|motor bike|lorry|stoplight|mobile|fridge|rucksack|skis|tennis ball|soccer|soccer ball|necktie|"
    "doughnut|hotdog|gray|lying down|laying|leaping|boating|latest|gull|harbor|cab|sailboat|fire truck|teddy|eggplant|"
    "beet|burger|yogurt|book shop|coffee machine|remote|handbag|racquet|hair dryer|luggage|baseball glove|plant pot|"
    "restroom|stuffed toy|racing|photograph|rugby ball|waterskiing|biking|race car|riding a horse|bowling ball|"
    "flying a kite|trekking|skydiving|ice cream parlor|meeting|night stand|viewing|photographing|fixing|batting|"
    "bending|hopping|United Kingdom"
)
LEARNED = ("names", "notice")


def are_the_same(name: str, other: str) -> bool:
    """Is one of them a kind of the other, or another name of it?"""
    return any(names_the_same(*both) or is_kind_of(*both) for both in ((name, other), (other, name)))


def english_of(form: str) -> str:
    """A sentence of this form."""
    return re.sub(r"\(\w+\)", "", SLOT.sub(lambda slot: FILLED[slot[1]], form))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form[0])
def test_every_form_says_the_same_of_the_same_in_all_languages_and_is_hidden_by_none_above(form):
    english, chinese, german = form
    slots = set(SLOT.findall(english))
    assert set(SLOT.findall(chinese)) <= slots
    assert set(SLOT.findall(german)) <= slots
    first = next(known for known in read_forms() if known.pattern.fullmatch(english_of(english)))
    assert first.said == {"zh": chinese, "de": german}


@pytest.mark.parametrize(
    ("text", "chinese", "german"),
    [
        (
            'Yes, 2 photos fit "cat"; here are 1',
            "有，2 张照片符合“猫”，这里是 1 张",
            "Ja, 2 Fotos passen zu „Katze“; hier sind 1",
        ),
        ("cat.jpg: Perhaps a dog, but I am not sure", "cat.jpg：可能是狗，但我不能确定", None),
        ("The dog is probably on a table", "狗很可能是在桌子上", "Hund: wahrscheinlich auf dem Tisch"),
        ("This photo shows a dog and 2 horses", "这张照片里有狗和2匹马", "Auf diesem Foto: ein Hund und 2 Pferde"),
        ("No, there is perhaps no dog in a.jpg", "没有，a.jpg 里可能没有狗", None),
        ('a.md, lines 1 to 3, says: "Pay in May. Now."', "a.md 第 1 至 3 行写道：“Pay in May. Now.”", None),
        (
            'I found no photo for "zebra". Try other words for it, or add photos of it to the library.',
            "没找到“猫”的照片。请换个说法，或把相关照片加入图库。",
            None,
        ),
        (
            'Yes, 2 photos fit "cat" from 2019年夏天 of type PNG in the collection zoo',
            "有，2 张照片符合“猫”（2019年夏天、PNG 格式、合集“zoo”）",
            "Ja, zu „Katze“ (aus 2019年夏天, vom Typ PNG, in der Sammlung zoo) passende Fotos: 2",
        ),
        ("There is 1 video in the library", "图库里有 1 个视频", "In der Bibliothek ist 1 Video"),
        ('I found no video for "dogs"', "没找到“猫”的视频", "Ich habe kein Video zu „Katze“ gefunden"),
        (
            "a.jpg was taken in or near Pisa, Italy",
            "a.jpg 拍摄于意大利比萨市或附近",
            "a.jpg: aufgenommen in Pisa (Italien) oder in der Nähe",
        ),
        ("There are 3 photos 模糊的照片", "有 3 张照片符合（模糊的照片）", None),
        ("I count 3 red cars in this photo", "这张照片里数到3辆红色的汽车", None),
        ("I count 2 dogs", "数到2只狗", "Ich zähle 2 Hunde"),
        ("This photo shows a red panda and a goat", "这张照片里有小熊猫和山羊", None),
        ('Pisa, Tuscany, Italy: a.md says: "x"', "比萨市、托斯卡纳和意大利：a.md 上写着：“x”", None),
        ("It is probably a golden retriever", "很可能是金毛", None),
        ("Yes, there are grapes in a.jpg", "有，a.jpg 里有葡萄", None),
    ],
)
def test_sentences_are_said_in_chinese_and_german(text, chinese, german):
    assert translate_own(text, "zh", "猫") == chinese
    assert german is None or translate_own(text, "de", "Katze") == german
    assert translate_own(text, "en", "cat") == text


@pytest.mark.parametrize(
    "text", ["Which file do you mean? Name it, and look", "a dog, and that is that", "嗨", "Hallo, du"]
)
def test_what_has_no_known_form_stays_as_it_is(text):
    assert translate_own(text, "de") == text
    assert translate_own(text, "zh") == text


def test_an_unknown_name_stays_and_may_be_called_as_it_was_asked_for():
    assert translate_name("a quokka", "zh") == "a quokka"
    assert translate_name("a cat and a quokka", "de") == "a cat and a quokka"
    assert translate_name("a golden retriever", "de") == "a golden retriever"  # known in Chinese alone
    assert fill_form("Yes, there is quokka in this photo", "zh", "短尾矮袋鼠") == "有，这张照片里有短尾矮袋鼠"


def test_every_refusal_of_photos_has_its_sentence():
    match = PhotoMatch(source=Source(path="/photos/cat.jpg"), relevance=0.5)
    act = Act(kind="find", text="the best dog", subject="dog", form="yes_no")
    said = [sentence for _, sentence in ROWS]
    said += [lacking(act, 9), nearest(match), not_told(match), not_found("dog"), refuse_unmeasured(act)]
    assert [text for text in said if translate_own(text, "zh") == text or translate_own(text, "de") == text] == []


def test_every_name_that_photos_are_given_has_a_chinese_one():
    photos_have = [*read_labels(), *(group.name for group in read_groups()), *NAMES, *IS_A, *KINDS]
    learned = [json.loads(safe_open(WEIGHTS / f"{name}.safetensors", "np").metadata()["told"]) for name in LEARNED]
    photos_have += [name for told in learned for name in told["names"]]
    asked_for = [member for category in categories() for member in category.members]
    assert len({*photos_have, *asked_for}) > 1_700
    assert [name for name in (*photos_have, *asked_for) if find_name(name, "zh") is None] == []
    assert [name for name, known in read_names().items() if not CHINESE.search(known.zh) and known.zh != name] == []
    assert [name for name, known in read_names().items() if known.many and not known.article] == []


def test_things_that_are_called_the_same_in_chinese_are_the_same():
    """By kind or by another name; or a ball and its game, or a thing and what is done with it: these few alone."""
    called: dict[str, list[str]] = {}
    for name, known in read_names().items():
        called.setdefault(known.zh, []).append(one_of(name))
    also = {name for first, *others in called.values() for name in others if not are_the_same(name, first)}
    assert also == set(OTHER_WORDS.split("|"))


def test_a_sentence_ends_as_its_language_does():
    assert Claim("可能是猫", (1,), 0.5).sentence == "可能是猫 [1]。"
    assert Claim("没找到“猫”", (), 0.5).sentence == "没找到“猫”。"
    assert Claim("It is a cat", (1,), 0.5).sentence == "It is a cat [1]."
    assert Claim("最接近的是 cat.jpg", (1,), 0.5).sentence == "最接近的是 cat.jpg [1]。"
    assert Claim("3 张照片符合（2020）", (1,), 0.5).sentence == "3 张照片符合（2020） [1]。"
    assert Claim("You asked: “哪些照片里有狗？”", (), 0.5).sentence == "You asked: “哪些照片里有狗？”."
    assert join_sentences(["没有。", "It is a cat.", "好！", "再见"]) == "没有。It is a cat. 好！再见"


def test_foreign_names_are_known_in_english_where_they_mean_one():
    said = [
        ("熊猫", "zh"),
        ("宇航员", "zh"),
        ("自行车", "zh"),
        ("Bergen", "de"),
        ("einem Zebra", "de"),
        ("die Katze", "de"),
    ]
    assert [name_in_english(*each) for each in said] == ["panda", "astronaut", "bicycle", "mountain", "zebra", "cat"]
    said = ("帽子", "晚上", "沙滩", "手机", "橙子", "鞋", "头发", "西红柿", "停车场")
    meant = ["hat", "night", "beach", "phone", "orange", "shoe", "hair", "tomato", "parking lot"]
    assert [name_in_english(words, "zh") for words in said] == meant
    assert names_in_english("手机")[:3] == ("phone", "cell phone", "mobile phone")
    assert names_in_english("锅") == ("pot", "pan")  # what is called so, and what may be
    assert name_in_english("短尾矮袋鼠", "zh") == ""


def test_what_is_quoted_in_chinese_quotation_marks_stays_as_it_is():
    told = "letter.pdf 第 3 页写道:“Please send the invoice. The money is transferred. Yours Ruth Adler”"
    assert translate_own(told, "zh") == told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes, she is probably smiling.", "很可能是。"),
        ("No, I would guess that she is not wearing glasses, but I am not sure.", "我猜不是，但不能确定。"),
        ("I count 11 people, perhaps not all of them.", "数到11个人，可能还不止这些。"),
        ('As many of each: 1 photo for "cat" and 2 photos for "dog".', "一样多：猫有 1 张，狗有 2 张。"),
    ],
)
def test_whether_something_is_so_is_said_in_chinese_whatever_it_is(text: str, said: str) -> None:
    assert translate_own(text, "zh") == said
