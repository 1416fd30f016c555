"""The search box's language: terms with signs and weights, exact words and operators, parsed, edited and completed.

`horse + stripes - grass type:jpeg "no entry"`: terms are parted by plus and minus signs that stand alone, or by a minus
before a word; a term may have a weight (`horse^2` or `2*horse`). Exact words in quotation marks must be written in what
is found, and count as words besides. A text without any of these means itself, letter by letter.

Parts are operators (`type:pdf`), exact words, and what is taken away (`- grass`). The rest is what is looked for.
Whatever is done to a box is done to its text: that alone says what is searched.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.own_sentences import translate_name
from deepseek_mm.language.search_filters import ANY_OF, BY_NAME, OPERATORS, merge_filters, narrowed_by
from deepseek_mm.types import Query, Term
from index import Filter

CHINESE_NAMES = "|".join(sorted((name for name in BY_NAME if not name.isascii()), key=len, reverse=True))
TOKEN = re.compile(
    rf"(?P<operator>-?[A-Za-z]{{2,}}(?=:)|-?(?:{CHINESE_NAMES}))[:\uff1a](?!//)"
    r'(?=[^\s:])(?P<value>"[^"]*"|[^\s"]+)'
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
class BoxDraft:
    """What was read so far."""

    terms: list[tuple[float, list[str]]] = field(default_factory=lambda: [(1.0, [])])  # sign and words
    phrases: list[str] = field(default_factory=list)
    narrowed: list[Filter] = field(default_factory=list)


def read_box(text: str, *, collections: Collection[str] | None = None) -> ParsedQuery:
    """Understand the text; with `collections`, others are refused. BadQuestion says what is wrong and what to write."""
    if text.count('"') % 2:
        raise BadQuestion(f"a quotation mark is not closed in: {text}. Put one behind the exact words, or take it out")
    draft = BoxDraft()
    for token in TOKEN.finditer(text):
        _take(token, draft)
    where = _merge_where(draft, collections)
    terms = [term for sign, words in draft.terms if words and (term := _term(sign, " ".join(words)))]
    if terms and all(term.weight < 0 for term in terms) and where == Filter():
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


def _take(token: re.Match[str], draft: BoxDraft) -> None:
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


def _take_operator(name: str, value: str, draft: BoxDraft) -> None:
    if name.startswith("-"):
        raise BadQuestion(f"only words can be taken away, not {name[1:]}:. Take the minus out, or name what is wanted")
    fields = narrowed_by(name, value)
    for earlier in draft.narrowed:  # both are allowed by "type:pdf type:docx"
        for key in set(fields) & set(ANY_OF):
            fields[key] = tuple(dict.fromkeys((*getattr(earlier, key), *fields[key])))
    draft.narrowed = [each for each in draft.narrowed if not any(getattr(each, key) for key in fields if key in ANY_OF)]
    draft.narrowed.append(Filter(**fields))


def _take_phrase(phrase: str, draft: BoxDraft, *, is_away: bool) -> None:
    if not phrase.strip():
        raise BadQuestion('there is nothing between the quotation marks. Write the exact words: "no entry"')
    if is_away:
        raise BadQuestion(f'exact words cannot be taken away: -"{phrase}". Take away words: - {phrase}')
    draft.phrases.append(" ".join(phrase.split()))
    draft.terms[-1][1].append(draft.phrases[-1])


def _merge_where(draft: BoxDraft, collections: Collection[str] | None) -> Filter:
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


EXACT, AWAY = "exact", "away"  # parts that are no operators

Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class QueryPart:
    """One of them."""

    name: str  # of the operator, whichever of its names was written; or EXACT, AWAY
    value: str
    text: str  # as it stands in the box
    spans: tuple[Span, ...]  # where: first letter and end of each piece


def search_parts(text: str) -> list[QueryPart]:
    """In the order of the box; what is wrong with one is for `read_box` to say."""
    found: list[QueryPart] = []
    away: list[re.Match[str]] = []  # a minus sign, and the words behind it
    for token in TOKEN.finditer(text):
        kind = token.lastgroup if token["no"] is None else "phrase"
        if kind == "word" and away:
            away.append(token)
            continue
        if kind in ("sign", "without"):
            found += _excluded_parts(away)
            away = [token] if token["sign"] == "-" else []
        if kind == "without":
            found.append(_part(AWAY, str(token["without"]), [token]))
        elif token["phrase"] is not None:
            found.append(_part(EXACT, str(token["phrase"]), [token]))
        elif token["operator"]:
            row = BY_NAME.get(token["operator"].lower())
            found.append(_part(row.name if row else token["operator"], str(token["value"]).strip('"'), [token]))
    return sorted([*found, *_excluded_parts(away)], key=lambda part: part.spans)


def search_without(text: str, part: str) -> str:
    """The box without the first part that is written so; as it was where there is none."""
    named = next((each for each in search_parts(text) if each.text == part), None)
    return _cut(text, named.spans) if named else text


def search_with(text: str, name: str, values: Sequence[str]) -> str:
    """The box with these values of an operator, and no others of it; without any the operator goes."""
    spans = [span for part in search_parts(text) if part.name == name for span in part.spans]
    return " ".join(filter(None, [_cut(text, spans), *(f"{name}:{quote_value(value)}" for value in values)]))


def _excluded_parts(away: Sequence[re.Match[str]]) -> list[QueryPart]:
    """What a minus sign takes away, if any word is behind it."""
    return [_part(AWAY, " ".join(token[0] for token in away[1:]), away)] if len(away) > 1 else []


def _part(name: str, value: str, tokens: Sequence[re.Match[str]]) -> QueryPart:
    spans = tuple(token.span() for token in tokens)
    return QueryPart(name=name, value=value, text=" ".join(token[0] for token in tokens), spans=spans)


def _cut(text: str, spans: Sequence[Span]) -> str:
    """The text without these, and without the gaps that they leave."""
    if not spans:
        return text.strip()
    for start, end in sorted(spans, reverse=True):
        text = f"{text[:start].rstrip()} {text[end:].lstrip()}"
    return text.strip().removeprefix("+ ")


LAST = re.compile(
    rf"(?:^|(?<=\s))(?:(?P<operator>[A-Za-z]{{2,}}(?=:)|(?:{CHINESE_NAMES}))[:\uff1a])?"
    r'(?P<start>"[^"]*|[^\s":]*)$'
)
MOST = 8  # suggestions
SEARCH_HELP = 'red kite + beach - people | horse^2 + stripes | "exact words" | ' + " | ".join(
    row.example for row in OPERATORS
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """One thing that could be meant."""

    text: str  # the whole box, if it is taken
    insert: str  # what takes the place of the unfinished word
    help: str  # in a few words


def suggest(text: str, *, known: Mapping[str, Sequence[str]] | None = None) -> list[Suggestion]:
    """What the unfinished last word of the box may become, likeliest first; nothing where it is a word like any other.

    `known` has values by the name of their operator where only the library knows them: "in", "label", "path".
    """
    last = LAST.search(text)
    if last is None or not (last["start"] or last["operator"]):
        return []
    head = text[: last.start()]
    start = last["start"].removeprefix('"').lower()
    if last["operator"] is None:
        return [
            Suggestion(text=f"{head}{row.name}:", insert=f"{row.name}:", help=f"only {row.help}")
            for row in OPERATORS
            if any(name.startswith(start) for name in (row.name, *row.other_names))
        ][:MOST]
    row = BY_NAME.get(last["operator"].lower())
    if row is None:
        return []
    locale = "en" if last["operator"].isascii() else "zh"
    values = [translate_name(value, locale) for value in (*row.values, *(known or {}).get(row.name, ()))]
    begun = [value for value in values if value.lower().startswith(start)]
    inside = [value for value in values if start in value.lower() and value not in begun]
    whole = [f'{last["operator"]}:"{v}"' if " " in v else f"{last['operator']}:{v}" for v in (*begun, *inside)]
    return [Suggestion(text=f"{head}{each} ", insert=each, help=f"only {row.help}") for each in whole[:MOST]]
