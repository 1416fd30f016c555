"""The few words of our own in an exported page or text, English and Chinese side by side."""

from dataclasses import dataclass

from deepseek_mm.sharing.files import Language


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """One language."""

    lang: str  # as HTML names it
    question: str
    answer: str
    evidence: str
    picture: str  # one that came with a question
    score: str
    whole: str  # a region that is a whole picture
    box: str
    page: str
    lines: str
    written: str  # before what was read there
    corrected: str  # before the user's own word for a box
    gone: str
    states: dict[str, str]  # of an answer that is not done
    phrased: str
    exported: str


ENGLISH = Wording(
    lang="en",
    question="Question {number}",
    answer="Answer",
    evidence="Evidence",
    picture="Picture: {name}",
    score="score {score}",
    whole="whole picture",
    box="box {box}",
    page="page {page}",
    lines="lines {first} to {last}",
    written="Text read there",
    corrected="box drawn by the user",
    gone="The picture was not there when this was exported.",
    states={
        "running": "It was still being answered.",
        "stopped": "The answer was stopped.",
        "failed": "The answer failed.",
    },
    phrased="phrased by {model}",
    exported="Exported by DeepSeek-MM {version} at {when}",
)
CHINESE = Wording(
    lang="zh-Hans",
    question="\u95ee\u9898 {number}",
    answer="\u56de\u7b54",
    evidence="\u4f9d\u636e",
    picture="\u56fe\u7247\uff1a{name}",
    score="\u5f97\u5206 {score}",
    whole="\u6574\u5e45\u56fe\u7247",
    box="\u65b9\u6846 {box}",
    page="\u7b2c {page} \u9875",
    lines="\u7b2c {first} \u81f3 {last} \u884c",
    written="\u8bfb\u5230\u7684\u6587\u5b57",
    corrected="\u7528\u6237\u6240\u753b\u7684\u65b9\u6846",
    gone="\u5bfc\u51fa\u65f6\u56fe\u7247\u5df2\u4e0d\u5728\u539f\u5904\u3002",
    states={
        "running": "\u5f53\u65f6\u4ecd\u5728\u56de\u7b54\u3002",
        "stopped": "\u56de\u7b54\u88ab\u505c\u6b62\u3002",
        "failed": "\u56de\u7b54\u5931\u8d25\u3002",
    },
    phrased="\u7531 {model} \u64b0\u5199",
    exported="\u7531 DeepSeek-MM {version} \u4e8e {when} \u5bfc\u51fa",
)
WORDINGS: dict[Language, Wording] = {"en": ENGLISH, "zh": CHINESE}


def place(page: int, lines: tuple[int, int], wording: Wording) -> str:
    """Where in a document: "page 3", "lines 5 to 9", or nothing."""
    if page:
        return wording.page.format(page=page)
    return wording.lines.format(first=lines[0], last=lines[1]) if lines[0] else ""
