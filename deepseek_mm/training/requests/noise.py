"""How people type: small letters, no marks, no articles, slips of the finger, polite words. The marks of a text stay.

Every change is one function of a text and a source of chance; `NOISE` says how often each is made.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random

from deepseek_mm.training.requests.marked_text import PLAIN, MarkedText

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
KEPT = {"file", "label", "collection"}  # parts whose letters are not mistyped
MARKS = ".?!。？！ "
ARTICLE = re.compile(r"\b(?:the|a|an|der|die|das|ein|eine)\s+", re.IGNORECASE)
APOSTROPHE = re.compile(r"(?<=\w)['\u2019](?=\w)")
WORD = re.compile(r"[a-zA-ZäöüßÄÖÜ]{4,}")
HAN_MARK = re.compile(r"[，。？！、：；]")
COMMAND = re.compile(
    r"(?:find|show|list|count|describe|tell|give|look|search|read|compare|point|mark|delete|remove|rename|move|put|make"
    r"|write|translate|summari[sz]e|explain|add|open|locate|sort|help|forget|zeige?|finde?|suche?|liste?|beschreibe?"
    r"|lies|lösche?|vergleiche?|erkläre?)\b",
    re.IGNORECASE,
)
HAN_COMMAND = re.compile(
    r"(?:找|搜|查|列|数|描述|看|读|比较|对比|指|标|删|移|改|放|写|画|翻译|总结|概括|解释|打开|告诉|显示|展示|给|把|统计|说)"
)
Change = Callable[[MarkedText, Random], MarkedText]


def _lower(marked: MarkedText, chance: Random) -> MarkedText:
    return marked.map_chars(str.lower)


def _lower_first(marked: MarkedText, chance: Random) -> MarkedText:
    return marked.replace(0, 1, marked.text[:1].lower())


def _shout(marked: MarkedText, chance: Random) -> MarkedText:
    return marked.map_chars(str.upper)


def _drop_end(marked: MarkedText, chance: Random) -> MarkedText:
    return marked.strip_end(MARKS)


def _more_marks(marked: MarkedText, chance: Random) -> MarkedText:
    bare = marked.strip_end(MARKS)
    act = max((letter.act for letter in bare.letters), default=0)
    return bare.insert_plain(
        len(bare.letters), chance.choice(["??", "!", "?!", "...", " ?", "???", "!!", "~"]), act=act
    )


def _drop_articles(marked: MarkedText, chance: Random) -> MarkedText:
    for found in reversed(list(ARTICLE.finditer(marked.text))):
        marked = marked.replace(*found.span(), "")
    return marked


def _drop_apostrophes(marked: MarkedText, chance: Random) -> MarkedText:
    for found in reversed(list(APOSTROPHE.finditer(marked.text))):
        marked = marked.replace(*found.span(), "")
    return marked


def _space(marked: MarkedText, chance: Random) -> MarkedText:
    spaces = [at for at, letter in enumerate(marked.letters) if letter.char == " "]
    return marked.replace(at := chance.choice(spaces), at, " ") if spaces else marked


def _mistype(marked: MarkedText, chance: Random) -> MarkedText:
    """A slip of the finger in one longer word: two letters swapped, one left out, doubled, or its neighbour hit."""
    words = [word.span() for word in WORD.finditer(marked.text) if not _is_kept(marked, word.start())]
    if not words:
        return marked
    start, end = chance.choice(words)
    at = chance.randrange(start, end - 1)
    pair = marked.text[at : at + 2]
    slips = (pair[::-1], pair[1], pair[0] * 2 + pair[1], _neighbour(pair[0], chance) + pair[1])
    return marked.replace(at, at + 2, chance.choice(slips))


def _is_kept(marked: MarkedText, at: int) -> bool:
    part = marked.letters[at].part
    return part >= 0 and marked.parts[part] in KEPT


def _neighbour(letter: str, chance: Random) -> str:
    for row in KEYS:
        at = row.find(letter.lower())
        if at >= 0:
            return row[at + chance.choice([-1, 1]) if 0 < at < len(row) - 1 else at - 1 if at else 1]
    return letter


def _be_polite(marked: MarkedText, chance: Random) -> MarkedText:
    """Words in front or behind that ask for nothing."""
    is_command = bool(COMMAND.match(marked.text))
    before = ["please ", "hey ", "pls ", "hi, ", "ok ", "hey, ", "so ", "um, ", "now "]
    before += (
        ["can you ", "could you ", "can u ", "would you please ", "i want you to ", "can you please "] * 2 * is_command
    )
    before += ["do you know ", "tell me: ", "quick question: "] * (not is_command)
    after = (
        [" please", " pls", " thanks", ", please", " thx", ", thank you", " for me"]
        if is_command
        else [" please", " pls"]
    )
    return _wrap(marked, chance, before, after)


def _be_polite_in_chinese(marked: MarkedText, chance: Random) -> MarkedText:
    """The same in Chinese."""
    is_command = bool(HAN_COMMAND.match(marked.text))
    before = (
        ["请", "帮我", "请帮我", "麻烦", "麻烦你", "能不能", "可以", "给我", "帮忙"]
        if is_command
        else ["请问", "那个，", "请问一下，"]
    )
    before += ["嗨，", "那", "嗯，", "好的，"]
    after = ["，谢谢", "吧", " 谢谢", "，谢谢你", "好吗"] if is_command else ["呢", "啊", "，谢谢"]
    return _wrap(marked.strip_end(MARKS), chance, before, after)


def _be_polite_in_german(marked: MarkedText, chance: Random) -> MarkedText:
    return _wrap(marked, chance, ["bitte ", "hallo, ", "hey ", "also "], [" bitte", ", danke"])


def _wrap(marked: MarkedText, chance: Random, before: Sequence[str], after: Sequence[str]) -> MarkedText:
    if chance.random() < 0.6:
        lowered = _lower_first(marked, chance) if chance.random() < 0.7 else marked
        return lowered.insert_plain(0, chance.choice(before), act=0)
    bare = marked.strip_end(MARKS)
    last = max((letter.act for letter in bare.letters), default=0)
    return bare.insert_plain(len(bare.letters), chance.choice(after), act=last)


def _narrow_marks(marked: MarkedText, chance: Random) -> MarkedText:
    """Chinese marks as an English keyboard has them."""
    return marked.map_chars(
        lambda char: {"，": ",", "。": ".", "？": "?", "！": "!", "：": ":", "；": ";"}.get(char, char)
    )


def _drop_han_marks(marked: MarkedText, chance: Random) -> MarkedText:
    for found in reversed(list(HAN_MARK.finditer(marked.text))):
        marked = marked.replace(*found.span(), " " if 0 < found.start() < len(marked.letters) - 1 else "")
    return marked


def _read_traditional() -> dict[int, str]:
    simple, traditional = Path(__file__).with_name("traditional.txt").read_text(encoding="utf-8").split()
    return dict(zip(map(ord, simple), traditional, strict=True))


TRADITIONAL = _read_traditional()
SLIPS = dict(pair.split() for pair in (  # of who types by sound: what was meant, what came
    "找 照", "哪 那", "在 再", "张 章", "做 作", "的 得", "地 的", "吗 嘛", "他 它", "她 他", "里 理", "像 象", "是 事",
    "有 又", "几 级", "个 各", "这 着", "只 之", "拍 排", "么 麽",
))  # fmt: skip
WORDINGS = {"什么": ("啥", "神马", "什麽"), "照片": ("相片", "图", "图片", "照骗")}


def _write_traditional(marked: MarkedText, chance: Random) -> MarkedText:
    return marked.map_chars(lambda char: TRADITIONAL.get(ord(char), char))


def _mistype_sound(marked: MarkedText, chance: Random) -> MarkedText:
    """One character that sounds like another."""
    places = [at for at, letter in enumerate(marked.letters) if letter.char in SLIPS and not _is_kept(marked, at)]
    if not places:
        return marked
    at = chance.choice(places)
    return marked.replace(at, at + 1, SLIPS[marked.letters[at].char])


def _reword(marked: MarkedText, chance: Random) -> MarkedText:
    """An everyday word said otherwise, outside of marked parts."""
    for word, others in WORDINGS.items():
        at = marked.text.find(word)
        if at >= 0 and marked.letters[at].part == PLAIN:
            marked = marked.replace(at, at + len(word), chance.choice(others))
    return marked


LATIN: tuple[tuple[float, Change], ...] = (  # how often, in this order
    (0.12, _be_polite),
    (0.06, _drop_articles),
    (0.30, _drop_apostrophes),
    (0.10, _mistype),
    (0.04, _mistype),
    (0.45, _drop_end),
    (0.05, _more_marks),
    (0.50, _lower),
    (0.15, _lower_first),
    (0.02, _shout),
    (0.04, _space),
)
NOISE: Mapping[str, tuple[tuple[float, Change], ...]] = {
    "en": LATIN,
    "de": ((0.10, _be_polite_in_german), *LATIN[1:]),
    "zh": (
        (0.08, _reword),
        (0.05, _mistype_sound),
        (0.14, _be_polite_in_chinese),
        (0.45, _drop_end),
        (0.05, _more_marks),
        (0.10, _narrow_marks),
        (0.12, _drop_han_marks),
        (0.10, _lower),
        (0.05, _write_traditional),
    ),
}


def add_noise(marked: MarkedText, language: str, chance: Random) -> MarkedText:
    """As somebody may type it; a change that would leave nothing of an act is not made."""
    acts = len(marked.starts)
    for share, change in NOISE.get(language, LATIN):
        if chance.random() < share and len((changed := change(marked, chance)).starts) == acts:
            marked = changed
    return marked
