"""What stands in the search box, understood: words and what to take away, exact words, and operators.

`horse + stripes - grass type:jpeg "no entry"`: terms are parted by plus and minus signs that stand alone, or by a minus
before a word; a term may have a weight (`horse^2` or `2*horse`). Exact words in quotation marks must be written in what
is found, and count as words besides. A text without any of these means itself, letter by letter.
"""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from deepseek_mm.errors import BadQuestion
from deepseek_mm.rag.query.operators import ANY_OF, merge_filters, narrowed_by
from deepseek_mm.records import Query, Term
from index import Filter

TOKEN = re.compile(
    r'(?P<operator>-?[A-Za-z]{2,}):(?!//)(?=[^\s:])(?P<value>"[^"]*"|[^\s"]+)'
    r'|(?P<no>-)?"(?P<phrase>[^"]*)"|(?P<sign>[+-])(?=\s|$)|-(?P<without>[^\W\d]\S*)|(?P<word>[^\s"]+)'
)
BEFORE = re.compile(r"([^\s*]+)\*(\S.*)", re.DOTALL)  # 2*horse
BEHIND = re.compile(r"(.*\S)\^(\S+)", re.DOTALL)  # horse^2
MOST_WEIGHT = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedQuery:
    """What a box asks for."""

    text: str  # the words that are looked for, without signs, weights and operators
    terms: tuple[Term, ...] = ()  # where there is more than one, or one with a weight
    where: Filter = Filter()


@dataclass(slots=True)
class Draft:
    """What was read so far."""

    terms: list[tuple[float, list[str]]] = field(default_factory=lambda: [(1.0, [])])  # sign and words
    phrases: list[str] = field(default_factory=list)
    narrowed: list[Filter] = field(default_factory=list)


def read_box(text: str, *, collections: Collection[str] | None = None) -> ParsedQuery:
    """Understand the text; with `collections`, others are refused. BadQuestion says what is wrong and what to write."""
    if text.count('"') % 2:
        raise BadQuestion(f"a quotation mark is not closed in: {text}. Put one behind the exact words, or take it out")
    draft = Draft()
    for token in TOKEN.finditer(text):
        _take(token, draft)
    where = _merge_where(draft, collections)
    terms = [term for sign, words in draft.terms if words and (term := _term(sign, " ".join(words)))]
    if terms and all(term.weight < 0 for term in terms):
        away = terms[0].text
        raise BadQuestion(f"only what to take away is said: - {away}. Say what to look for as well: field - {away}")
    plain = len(terms) < 2 and all(term.weight == 1 for term in terms)
    if plain and where == Filter():
        return ParsedQuery(text=text)
    shown = " ".join(term.text for term in terms if term.weight > 0)
    return ParsedQuery(text=shown, terms=() if plain else tuple(terms), where=where)


def in_words(query: Query) -> Query:
    """The query as its box means it, words and terms, without what bounds a search. BadQuestion as `read_box`."""
    box = read_box(query.text)
    return replace(query, text=box.text, terms=box.terms or query.terms)


def _take(token: re.Match[str], draft: Draft) -> None:
    found = token.groupdict()
    if found["operator"]:
        _take_operator(found["operator"], found["value"].strip('"'), draft)
    elif found["phrase"] is not None:
        _take_phrase(found["phrase"], draft, is_away=bool(found["no"]))
    elif found["sign"]:
        draft.terms.append((1.0 if found["sign"] == "+" else -1.0, []))
    elif found["without"]:
        sign, words = draft.terms[-1]
        draft.terms[-1:] = [(sign, words), (-1.0, [found["without"]]), (1.0, [])]
    else:
        draft.terms[-1][1].append(found["word"])


def _take_operator(name: str, value: str, draft: Draft) -> None:
    if name.startswith("-"):
        raise BadQuestion(f"only words can be taken away, not {name[1:]}:. Take the minus out, or name what is wanted")
    fields = narrowed_by(name, value)
    for earlier in draft.narrowed:  # both are allowed by "type:pdf type:docx"
        for key in set(fields) & set(ANY_OF):
            fields[key] = tuple(dict.fromkeys((*getattr(earlier, key), *fields[key])))
    draft.narrowed = [each for each in draft.narrowed if not any(getattr(each, key) for key in fields if key in ANY_OF)]
    draft.narrowed.append(Filter(**fields))


def _take_phrase(phrase: str, draft: Draft, *, is_away: bool) -> None:
    if not phrase.strip():
        raise BadQuestion('there is nothing between the quotation marks. Write the exact words: "no entry"')
    if is_away:
        raise BadQuestion(f'exact words cannot be taken away: -"{phrase}". Take away words: - {phrase}')
    draft.phrases.append(" ".join(phrase.split()))
    draft.terms[-1][1].append(draft.phrases[-1])


def _merge_where(draft: Draft, collections: Collection[str] | None) -> Filter:
    where = Filter(phrases=tuple(draft.phrases))
    for each in draft.narrowed:
        where = merge_filters(where, each)
    if collections is not None:
        check_collection(where, collections)
    return where


def check_collection(where: Filter, collections: Collection[str]) -> None:
    """BadQuestion if it names a collection that is none of these."""
    named = where.collection
    if named is not None and named != Filter().collection and named not in collections:
        close = get_close_matches(named, list(collections), n=1, cutoff=0.4)
        hint = f"Did you mean in:{quote_value(close[0])}?" if close else "The Library tab lists them."
        raise BadQuestion(f"there is no collection {named}. {hint}")


def quote_value(value: str) -> str:
    """As it must be written behind an operator."""
    return f'"{value}"' if re.search(r"\s", value) else value


def _term(sign: float, words: str) -> Term:
    """With its weight. BadQuestion for one that is no number between 0 and MOST_WEIGHT."""
    before, behind = BEFORE.fullmatch(words), BEHIND.fullmatch(words)
    if before and _is_number(before[1]):
        said, words = before[1], before[2]
    elif behind:
        words, said = behind[1], behind[2]
    else:
        return Term(text=words, weight=sign)
    weight = float(said) if _is_number(said) else math.nan
    if not 0 < weight <= MOST_WEIGHT:
        raise BadQuestion(f"the weight {said} of {words} is no number above 0 and up to {MOST_WEIGHT:.0f}: {words}^2")
    return Term(text=words, weight=sign * weight)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
