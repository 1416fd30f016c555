"""Questions as people type them, and whether the answers are right: `eval natural`.

A row of the set is a conversation: {"id", "group", "turns": [turn]}; its group is library, photo, chat, documents or
code. A turn has "ask", perhaps "photo", and checks by regular expressions, case aside: "right" (any of them), "all",
"partly", "never" (none of these may be claimed), "cites" (one of these files), "only_cites" (no other file), "words"
(the most that an answer may have) and "honest" (the right answer is that it is not there or cannot be done).

An answer is "right", "partly", "honest" (it says that it does not know), "wrong", or "nonsense": wrong in a way that
shows that the question was not understood. The rules are those of the project's `natural.py`; the last line is equal.
"""

import json
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.natural_rules import (
    BRUSH_OFF,
    CLAIM,
    FUNCTION_WORDS,
    NONSENSE,
    NOT_HERE,
    RUNNER_UP,
    UNSURE,
    WH,
)

GROUPS = ("library", "photo", "chat", "documents", "code")
HOMES = {"documents": "documents", "code": "code"}  # group -> the library that it asks; others ask "bundled"
SCORES = ("right", "partly", "honest", "wrong", "nonsense")
LONG = {"code": 500}  # words of an answer that is only partly right, by group
USUAL_LONG = 160
SURE = 0.8  # confidence from which an answer is called sure


class TurnScore(NamedTuple):
    """One of SCORES, and why."""

    name: str
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class NaturalTurn:
    """What is asked, and what a right answer looks like."""

    id: str
    group: str
    ask: str
    photo: str = ""
    right: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    cites: frozenset[str] = frozenset()
    only_cites: frozenset[str] = frozenset()
    honest: bool = False
    words: int = USUAL_LONG

    @property
    def is_scored(self) -> bool:
        """One without a check only sets the scene."""
        return bool(self.right or self.all or self.honest)


@dataclass(frozen=True, kw_only=True, slots=True)
class NaturalCase:
    """One conversation."""

    group: str
    turns: tuple[NaturalTurn, ...]

    @property
    def home(self) -> str:
        """The library that it asks: "bundled", "documents" or "code"."""
        return HOMES.get(self.group, "bundled")


@dataclass(frozen=True, kw_only=True, slots=True)
class NaturalAnswer:
    """What was answered, and with which files."""

    text: str
    files: tuple[str, ...] = ()
    confidence: float | None = None
    seconds: float = 0.0
    more: Mapping[str, Any] = field(default_factory=dict)  # for those who learn from it: how it was understood


def read_cases(file: Path) -> list[NaturalCase]:
    """The conversations of a JSONL file. ConfigError for a row without turns, NothingThere as the file system says."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [case_of(json.loads(line), f"{file}, line {n}") for n, line in enumerate(lines, start=1)]


def case_of(row: Mapping[str, Any], place: str) -> NaturalCase:
    """One row."""
    turns, group = row.get("turns"), row.get("group")
    if not turns or group not in GROUPS:
        raise ConfigError(f"{place} is not {{id, group, turns}} with a group of {', '.join(GROUPS)}. Mend the row")
    made = [turn_of(turn, turn_id(row, turn, n), str(group)) for n, turn in enumerate(turns, start=1)]
    return NaturalCase(group=str(group), turns=tuple(made))


def turn_id(row: Mapping[str, Any], turn: Mapping[str, Any], place: int) -> str:
    """Its own, or the case's and its place."""
    alone = str(row.get("id", "")) if len(row["turns"]) == 1 else f"{row.get('id', '')}.{place}"
    return str(turn.get("id") or alone)


def turn_of(turn: Mapping[str, Any], name: str, group: str) -> NaturalTurn:
    """One turn of a row."""
    checks: dict[str, Any] = {key: tuple(turn.get(key, ())) for key in ("right", "all", "partly", "never")}
    checks |= {key: frozenset(turn.get(key, ())) for key in ("cites", "only_cites")}
    return NaturalTurn(
        id=name,
        group=group,
        ask=turn["ask"],
        photo=turn.get("photo", ""),
        honest=bool(turn.get("honest")),
        words=turn.get("words", LONG.get(group, USUAL_LONG)),
        **checks,
    )


def matches(patterns: Sequence[str], text: str) -> bool:
    """Whether any of them is found."""
    return any(re.search(pattern, text, flags=re.IGNORECASE | re.DOTALL) for pattern in patterns)


def fits(turn: NaturalTurn, text: str) -> bool:
    """Whether a text has what "right" and "all" want."""
    return (matches(turn.right, text) if turn.right else True) and all(matches([one], text) for one in turn.all)


def find_echo(ask: str, answer: str) -> str:
    """A function word or a whole phrase of the question that the answer presents as a thing it sees or misses."""
    words = set(re.findall(r"[\w-]+", ask.lower()))
    bare = {word.removesuffix("s") for word in words} | words
    for claim in re.findall(CLAIM, answer, flags=re.IGNORECASE):
        for piece in re.split(r",| and ", claim.lower()):
            thing = re.sub(r"^\W*(?:(?:an?|the|some|no) )?", "", piece).strip(" .\"'\u201c\u201d?!")
            phrase = re.split(r" (?:in|on|at|from|that|which|with|of) ", thing)[0]
            if phrase in FUNCTION_WORDS and phrase in bare:
                return phrase
            long = len(thing.split()) >= 4 or (len(thing) >= 4 and not thing.isascii())
            if long and thing in ask.lower():
                return thing
    return ""


def find_parroting(ask: str, answer: str) -> str:
    """A word of the question that is given back as the answer to it."""
    if not re.search(WH, ask, flags=re.IGNORECASE) or re.search(r"\bor\b", ask):
        return ""
    guess = re.search(
        r"(?:best guess is|^\W*probably) (?:an? |the )?([a-z]+)(?=[\s,;.\[])", answer, flags=re.IGNORECASE
    )
    return guess[1] if guess and guess[1].lower() in re.findall(r"[a-z]+", ask.lower()) else ""


def find_nonsense(ask: str, answer: str) -> str:
    """Why this answer is an embarrassment; an empty string where it is none."""
    for rule in NONSENSE:
        asked = re.search(rule.wanted, ask, flags=re.IGNORECASE)
        excused = re.search(rule.unwanted, ask, flags=re.IGNORECASE)
        flags = 0 if rule.exact else re.IGNORECASE
        if asked and not excused and re.search(rule.pattern, answer, flags=flags):
            return rule.name
    if word := find_echo(ask, answer):
        return f"takes '{word}' for a thing"
    if word := find_parroting(ask, answer):
        return f"hands back '{word}'"
    return "quotes scraps of text nobody asked for" if quotes_scraps(ask, answer) else ""


def quotes_scraps(ask: str, answer: str) -> bool:
    """Whether it is nothing but quotations of single words, which the question did not want."""
    quoted = re.findall(r"says: \"([^\"]*)\"", answer)
    rest = re.sub(r"\S+ says: \"[^\"]*\"|\[\d+\]|[\s.]", "", answer)
    wanted = r"say|read|writ|text|word|sign|letter|name|brand|price|cost|street|much|what|who|when|where|which"
    all_single = bool(quoted) and all(len(one.split()) == 1 for one in quoted)
    return all_single and not rest and not re.search(wanted, ask, flags=re.IGNORECASE)


def score_answer(turn: NaturalTurn, given: NaturalAnswer) -> TurnScore:
    """How right it is."""
    text = re.sub(r"(?m)^\[\d+\] \S+.*$", "", given.text).strip()  # the command line's list of sources
    text = re.sub(r"(?: ?\[\d+\])+", "", text)  # marks of evidence
    if why := find_nonsense(turn.ask, text):
        return TurnScore("nonsense", why)
    alone = turn.group in ("chat", "documents", "code") and not turn.photo
    if alone and re.search(r"\bthis photo\b", text, flags=re.IGNORECASE):
        return TurnScore("nonsense", "speaks of a photo that nobody showed")
    files = set(given.files) or set(names_in(text))
    return score_honest(turn, text, files) if turn.honest else score_claims(turn, text, files)


def score_honest(turn: NaturalTurn, text: str, files: set[str]) -> TurnScore:
    """Where the right answer is that it is not there."""
    bad = matches(turn.never, re.sub(RUNNER_UP, "", text))
    elsewhere, astray = wrong_files(turn, files)
    admits = bool(re.search(UNSURE, text, flags=re.IGNORECASE) or re.search(NOT_HERE, text, flags=re.IGNORECASE))
    wanted = fits(turn, text) if turn.right or turn.all else admits
    if wanted and not (bad or elsewhere or astray) and not re.search(BRUSH_OFF, text, flags=re.IGNORECASE):
        return TurnScore("right", "honest, as wanted")
    if matches(turn.partly, text) and not bad:
        return TurnScore("partly")
    return TurnScore("honest") if admits and not bad else TurnScore("wrong", "never" if bad else "")


def score_claims(turn: NaturalTurn, text: str, files: set[str]) -> TurnScore:
    """Where something is to be told."""
    claimed = re.sub(RUNNER_UP, "", text)
    bad, fit = matches(turn.never, claimed), fits(turn, claimed)
    elsewhere, astray = wrong_files(turn, files)
    guess = re.search(rf"best guess|^(?:{UNSURE})", text, flags=re.IGNORECASE)
    long = len(text.split()) > turn.words
    if fit and not (bad or elsewhere or astray or guess or long):
        return TurnScore("right")
    if not (fit and bad) and (matches(turn.partly, text) or fits(turn, text)):
        why = "not from the right file" if elsewhere else f"cites {astray}" if astray else "too long" if long else ""
        return TurnScore("partly", why or "half, or unsure")
    unsure = re.search(UNSURE, text, flags=re.IGNORECASE)
    return TurnScore("honest") if unsure and not (bad or elsewhere) else TurnScore("wrong", "never" if bad else "")


def wrong_files(turn: NaturalTurn, files: set[str]) -> tuple[bool, list[str]]:
    """Whether none of the files that it has to rest on is cited, and which others are that must not be."""
    elsewhere = bool(turn.cites) and not files & turn.cites
    return elsewhere, sorted(files - turn.only_cites) if turn.only_cites else []


def names_in(text: str) -> list[str]:
    """Names of files in a text."""
    return re.findall(r"[\w-]+(?:\.[\w-]+)*\.(?:jpe?g|png|pdf|docx|md|csv|txt|html|py)\b", text)


@dataclass(frozen=True, kw_only=True, slots=True)
class NaturalReport:
    """Turns with their answers and scores."""

    rows: tuple[tuple[NaturalTurn, NaturalAnswer, TurnScore], ...]

    def table(self) -> str:
        """A row a group."""
        lines = [f"{'group':<10}{'n':>5}" + "".join(f"{name:>10}" for name in SCORES) + f"{'right %':>10}"]
        for group in (*GROUPS, "all"):
            those = self.scores(group)
            if those:
                counted = "".join(f"{those.count(name):>10}" for name in SCORES)
                lines.append(f"{group:<10}{len(those):>5}{counted}{share_of(those, 'right'):>10}")
        return "\n".join(lines)

    def scores(self, group: str) -> list[str]:
        """Of one group, or of "all"."""
        return [score.name for turn, _, score in self.rows if group in (turn.group, "all")]

    def json(self) -> str:
        """The last line."""
        counts = Counter(self.scores("all"))
        result: dict[str, Any] = {name: counts[name] for name in SCORES} | {"n": len(self.rows)}
        for group in (*GROUPS, "all"):
            name = "right_percent" if group == "all" else f"right_{group}"
            result[name] = share_of(self.scores(group), "right")
        result |= self.confidences()
        seconds = [given.seconds for _, given, _ in self.rows]
        return json.dumps(result | {"seconds_median": round(statistics.median(seconds), 2) if seconds else None})

    def confidences(self) -> dict[str, Any]:
        """Whether a high confidence means a right answer."""
        known = [(given.confidence, score.name) for _, given, score in self.rows if given.confidence is not None]
        sure = [name for confidence, name in known if confidence >= SURE]
        wrong = sum(name in ("wrong", "nonsense") for name in sure)
        return {
            "confident_wrong": round(100 * wrong / len(sure), 1) if sure else None,
            "confident_n": len(sure),
            "with_confidence": len(known),
            "auroc": area_under_curve([(confidence, name == "right") for confidence, name in known]),
        }

    def lines(self) -> Iterator[str]:
        """One JSON object a turn, for `--keep`."""
        for turn, given, score in self.rows:
            told: dict[str, Any] = {"id": turn.id, "group": turn.group, "ask": turn.ask, "answer": given.text}
            told |= {"files": given.files, "confidence": given.confidence, "seconds": given.seconds, **given.more}
            yield json.dumps(told | {"score": score.name, "why": score.why}, ensure_ascii=False)


def share_of(those: Sequence[str], name: str) -> float | None:
    """Percent of the scores that are this one; None of none."""
    return round(100 * those.count(name) / len(those), 1) if those else None


def area_under_curve(pairs: Sequence[tuple[float, bool]]) -> float | None:
    """How often a right answer has more confidence than another one (AUROC); None where there is only one sort."""
    good, poor = [c for c, right in pairs if right], [c for c, right in pairs if not right]
    if not good or not poor:
        return None
    return round(sum((g > p) + (g == p) / 2 for g in good for p in poor) / len(good) / len(poor), 3)


ScoredTurn = tuple[NaturalTurn, NaturalAnswer, TurnScore]
AskTurn = Callable[[NaturalTurn, int | None], tuple[NaturalAnswer, int | None]]  # and the conversation, to the next


def ask_cases(cases: Sequence[NaturalCase], ask: AskTurn) -> list[ScoredTurn]:
    """Every scored turn of these conversations, asked one after the other."""
    rows = []
    for case in cases:
        conversation: int | None = None
        for turn in case.turns:
            given, conversation = ask(turn, conversation)
            if turn.is_scored:
                rows.append((turn, given, score_answer(turn, given)))
    return rows
