"""Categories: what a question may ask the name of ("which sport", "what is he holding"), and the names that may answer.

The table is categories.txt; its first lines say how it is written. Words are compared in lower case and singular.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deepseek_mm.language.words import singular

FILE = Path(__file__).with_name("categories.txt")
WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
ASKS = re.compile(r"\b(?:what|which|whats|what['\u2019]s|where|wheres|where['\u2019]s|how|wat|name)\b", re.IGNORECASE)
OBJECTS = "object"  # the category that answers where no other is meant
KIND_OF = re.compile(
    r"\b(?:what|which|wat|whats)(?: (?:is|was) the)? (?:kind|type|sort|style|breed|species|make)s?"
    r"(?: of (?:an? )?)?(?P<t>.*)"
)
WHICH = re.compile(r"\b(?:what|which)\b(?! is| are| does| do| was)(?P<t>.*)")
PHRASE_ENDS = re.compile(
    r"\b(?:is|are|was|were|does|do|did|can|could|has|have|in|on|at|of|it|this|that|they|he|she|will|would|for)\b"
)
CLAUSE = r"\b(?:who|whose|that|which|with)\b"  # what follows says which one is meant, not what is asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Category:
    """A kind of thing, and its members."""

    name: str
    words: frozenset[str]  # that ask for it, itself among them
    verbs: tuple[str, ...]  # whose object it is: "holding", "sitting on"
    template: str  # how the eyes are asked: "a photo of a {}"
    members: tuple[str, ...]
    looks: tuple[str, ...]  # of each member, what it looks like: mostly its name

    @property
    def phrases(self) -> tuple[str, ...]:
        """What the eyes compare a picture with, one a member."""
        return tuple(self.template.format(look) for look in self.looks)


@cache
def categories() -> tuple[Category, ...]:
    """All of the file, in its order."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return tuple(read_category(line) for line in lines if line.strip() and not line.startswith("#"))


def read_category(line: str) -> Category:
    """One line of the file."""
    head, _, rest = line.partition("|")
    template, _, members = rest.partition(":")
    words = [word.strip() for word in head.split(",")]
    pairs = [each.partition("=")[::2] for each in members.split(";")]
    names = [name.strip() for name, _ in pairs]
    return Category(
        name=words[0],
        words=frozenset(word for word in words if not word.startswith("*")),
        verbs=tuple(sorted((word[1:] for word in words if word.startswith("*")), key=len, reverse=True)),
        template=template.strip(),
        members=tuple(names),
        looks=tuple(look.strip() or name for name, (_, look) in zip(names, pairs, strict=True)),
    )


def category_named(phrase: str) -> Category | None:
    """The category that a phrase's last word names: "the little dog's breed" -> dog; None where none has that word."""
    words = WORD.findall(phrase.lower())
    ends = [" ".join(words[start:]) for start in range(len(words))]
    for end in ends:
        found = [each for each in categories() if end in each.words or singular(end) in each.words]
        if found:
            return found[0]
    return None


def category_asked(text: str) -> Category | None:
    """What a question wants to know: "which sport is this", "what's he eating", "what kind of shop is that"."""
    line = " ".join(WORD.findall(re.sub(r"['\u2019]s\b", " is", text.lower())))
    for match in (KIND_OF.search(line), WHICH.search(line)):
        if match and (found := first_named(match["t"])):
            return found
    if re.match(r"(?:and |so |but )?where\b", line):
        return category_named("where")
    if re.search(r"\bcalled\b.*\b(?:who|that|which)\b|\bthe one who\b", line):
        return category_named("role")
    return category_of_verb(line) or category_of_possession(line)


def first_named(words: str) -> Category | None:
    """Of the noun phrase that these words begin with: "shop is that" -> shop, "road sign is on the left" -> sign."""
    for phrase in ("time of day", "time of the day", "time of year"):
        if words.strip().startswith(phrase):
            return category_named(phrase)
    noun = PHRASE_ENDS.split(words)[0].split()
    found = (category_named(" ".join(noun[:end])) for end in range(len(noun), 0, -1))
    return next((each for each in found if each), None)


def category_of_verb(line: str) -> Category | None:
    """What the verb of the question takes: "what is she holding"."""
    main = re.split(CLAUSE, re.sub(r"^.*?\b(?:what|which)\b", "", line, count=1))[0] if ASKS.search(line) else ""
    words = f" {main} "
    scored = [
        (len(verb), -place, each)
        for place, each in enumerate(categories())
        for verb in each.verbs
        if re.search(rf"\b{verb} $" if verb.endswith(" on") else rf"\b{verb}\b", words)
    ]
    return max(scored, key=lambda found: found[:2])[2] if scored else None


def category_of_possession(line: str) -> Category | None:
    """Of "what is his job", "what is the weather like", "whats this costume"."""
    match = re.search(r"\bwhat(?: is|s| are| was) (?:the|his|her|its|their|this|that|these)? ?(?P<t>.+)", line)
    return first_named(match["t"]) if match else None
