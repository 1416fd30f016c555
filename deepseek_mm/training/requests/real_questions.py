"""Questions that people really asked, as examples of requests: of photos, of passages, captions, and instructions.

Only what follows surely from where a question comes from and how it begins is said of it; the rest is None. Rows are
those of the data sets' train parts.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha1
from pathlib import Path
from random import Random
from typing import Any

from deepseek_mm.language.requests import Stage
from deepseek_mm.training.requests.examples import ActLabels, RequestExample, draw_situation
from deepseek_mm.training.requests.marked_text import MarkedText
from deepseek_mm.training.requests.noise import add_noise
from deepseek_mm.training.requests.shapes import Context
from deepseek_mm.types import ActKind

Pattern = tuple[str, ActKind, str | None, str | None]  # beginning of a question -> kind, form, attribute
OF_PHOTOS: tuple[Pattern, ...] = (
    (r"how many\b", "count", "number", ""),
    (r"what colou?rs? ", "look", "name", "colour"),
    (r"what (?:is|are) .* doing", "look", None, "activity"),
    (r"what (?:sport|animal|room|game|fruit|vegetable|dish|meal)\b", "look", "name", "kind"),
    (r"what (?:kind|type|sort|breed) of ", "look", "name", "kind"),
    (r"what .* made (?:of|from|out of)", "look", "name", "material"),
    (r"what (?:is the )?shape ", "look", "name", "shape"),
    (r"what time\b", "look", "name", "time"),
    (r"what (?:season|time of year)", "look", "name", "season"),
    (r"(?:what is|how is) the weather", "look", "name", "weather"),
    (r"what (?:does|do) .* say", "read", "text", "text"),
    (r"what is written", "read", "text", "text"),
    (r"where (?:is|are) (?:the|his|her|their) ", "locate", "sentence", "position"),
    (r"where (?:is|was) this", "look", "name", "place"),
    (r"who ", "look", "name", "person"),
    (r"why ", "look", "sentence", "reason"),
    (r"(?:is|are|does|do|has|have|can|was|were) ", "look", "yes_no", None),
    (r"what is (?:the|this|that) (?:man|woman|boy|girl|person|dog|cat|child|lady|guy)\b", "look", "name", None),
)
OF_PASSAGES = (  # words anywhere -> form, attribute
    (r"\bhow (?:many|much|long|old|far|tall|high|big)\b|多少|几[个位年次天]", "number", "number"),
    (r"\bwhen\b|\bin what year\b|什么时候|何时|哪[一]?年|几年", "name", "date"),
    (r"\bwhom?\b|\bwhose\b|谁", "name", "person"),
    (r"\bwhere\b|哪里|哪儿|在哪|何处|何地", "name", "place"),
    (r"\bwhy\b|为什么|为何|什么原因", "sentence", "reason"),
)
SEEN: tuple[Context, ...] = (*(("picture", "picture"),) * 6, *(("shown", "picture"),) * 2, ("found", "found"))
ELSEWHERE: tuple[Stage, ...] = (*("fresh",) * 6, "found", "documents", "shown")  # where somebody asks for anything
POINTING = re.compile(r"\b(?:this|that|these|those|it|he|she|they|his|her|their|there)\b", re.IGNORECASE)
OF_OTHERS = re.compile(
    r"\b(?:you|your|photo|picture|image|document|code|python|program|function|summar\w+|passage|paragraph|text)\b",
    re.IGNORECASE,
)
NOTHING_IN_SIGHT = re.compile(r"what (?:is|are) (?:in|on|shown|this|that|these)\b|describe", re.IGNORECASE)


MakeExample = Callable[[Any, Random], RequestExample | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionFolders:
    """Where the data lie."""

    data: Path  # shared folder: reading/, text/, flickr8k_zh.jsonl
    unpacked: Path  # of coco_vqa, daquar and flickr8k

    def read(self, most: int, seed: int = 0) -> list[RequestExample]:
        """Up to so many examples of each source, noised."""
        found: list[RequestExample] = []
        for name, (file, make) in self.sources().items():
            rows = read_rows(file)
            Random(f"{seed} {name}").shuffle(rows)
            chance = Random(f"{seed} {name} examples")
            made = (example for row in rows if (example := make(row, chance)) is not None)
            found += [example for example, _ in zip(made, range(most), strict=False)]
        return found

    def sources(self) -> dict[str, tuple[Path, MakeExample]]:
        """Files, and what makes an example of one of their rows."""
        return {
            "coco": (self.unpacked / "coco_vqa" / "qa.jsonl", make_photo_question),
            "daquar": (self.unpacked / "daquar" / "qa.jsonl", make_room_question),
            "captions": (self.unpacked / "flickr8k" / "captions.jsonl", make_search),
            "captions_zh": (self.data / "flickr8k_zh.jsonl", make_chinese_search),
            "instructions": (self.data / "text" / "dolly_nocontext.jsonl", make_instruction),
            "passages": (self.data / "reading" / "squad2_en_train.jsonl", make_passage_question),
            "passages_zh": (self.data / "reading" / "cmrc2018_zh_train.jsonl", make_passage_question),
        }


def read_rows(file: Path) -> list[dict[str, Any]]:
    """Rows of a JSONL file; none where it is not there."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


def make_one(text: str, labels: ActLabels, stage: Stage, language: str, chance: Random) -> RequestExample:
    """A turn of one act without marks."""
    noised = add_noise(MarkedText.of(text.strip()), language, chance)
    situation = draw_situation(stage, (labels,), chance)
    return RequestExample(text=noised.text, situation=situation, language=language, acts=(labels,), starts=(0,))


def make_photo_question(row: Any, chance: Random) -> RequestExample | None:
    """Of a question about a photo, where it begins in a way that is known."""
    question = row["question"]
    if row.get("split") != "train" or NOTHING_IN_SIGHT.match(question):
        return None
    matching = (pattern for pattern in OF_PHOTOS if re.match(pattern[0], question, re.IGNORECASE))
    _, kind, form, attribute = next(matching, ("", None, None, None))
    if kind is None:
        return None
    stage, scope = chance.choice(SEEN)
    if not POINTING.search(question) and not question.lower().startswith("is ") and chance.random() < 0.15:
        stage, scope = "fresh", "library"
    labels = ActLabels(kind=kind, scope=scope, form=form, attribute=attribute)
    return make_one(question, labels, stage, "en", chance)


def make_room_question(row: Any, chance: Random) -> RequestExample | None:
    """The same of rooms, whose every fifth photo is dev."""
    if int(sha1(row["image"].encode()).hexdigest(), 16) % 5 == 0:
        return None
    return make_photo_question({**row, "split": "train"}, chance)


def make_search(row: Any, chance: Random) -> RequestExample | None:
    """A caption as it is typed into a search."""
    if row["split"] != "train":
        return None
    caption = chance.choice(row["captions"]).strip(" .")
    opening = chance.choice(
        ("",) * 8 + ("photos of ", "a photo of ", "find ", "show me ", "the picture where ", "photo with ")
    )
    words = caption[:1].lower() + caption[1:] if opening else caption
    labels = ActLabels(kind="find", scope="library", form="list", attribute="")
    return make_one(opening + words, labels, chance.choice(("fresh", "fresh", "found")), "en", chance)


def make_chinese_search(row: Any, chance: Random) -> RequestExample | None:
    """The same of a Chinese caption."""
    if row["split"] != "train":
        return None
    caption = chance.choice(row["captions"]).strip("。. ")
    form = chance.choice(("{}",) * 6 + ("{}的照片", "找{}的照片", "有没有{}的照片", "搜{}", "{}的图片"))
    labels = ActLabels(kind="find", scope="library", form="list", attribute="")
    return make_one(form.format(caption), labels, chance.choice(("fresh", "fresh", "found")), "zh", chance)


def make_instruction(row: Any, chance: Random) -> RequestExample | None:
    """What nothing here can do."""
    text = row["instruction"].strip()
    if row.get("maybe_needs_context") or OF_OTHERS.search(text) or not 8 < len(text) < 160:
        return None
    labels = ActLabels(kind="unsupported", scope="conversation", form=None, attribute=None)
    example = make_one(text, labels, chance.choice(ELSEWHERE), "en", chance)
    return without_documents(example) if chance.random() < 0.7 else example


def make_passage_question(row: Any, chance: Random) -> RequestExample | None:
    """What documents may say, where there are any; else nobody here knows it."""
    question = row["question"]
    matching = ((form, what) for words, form, what in OF_PASSAGES if re.search(words, question, re.IGNORECASE))
    form, attribute = next(matching, (None, None))
    if chance.random() < 0.1:
        labels = ActLabels(kind="unsupported", scope="conversation", form=form, attribute=None)
        example = make_one(question, labels, "fresh", row["lang"], chance)
        return without_documents(example)
    labels = ActLabels(kind="document", scope="documents", form=form, attribute=attribute)
    return make_one(question, labels, chance.choice(("fresh", "fresh", "documents", "found")), row["lang"], chance)


def without_documents(example: RequestExample) -> RequestExample:
    """In a library that has none."""
    return replace(example, situation=replace(example.situation, has_documents=False))
