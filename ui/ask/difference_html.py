"""What differs between two answers to one question, or between two programs, as HTML.

What went is struck through and what came is underlined: colour never stands alone.
"""

from collections.abc import Sequence
from html import escape

from deepseek_mm import Answer, AnswerDifference, WordChange, compare_answers, compare_texts, name_citation
from ui.html import hint, mark_words
from ui.region_html import name_region
from ui.words import UiTexts


def render_difference(before: Answer | None, answer: Answer, words: UiTexts) -> str:
    """What became of an answer that was given again; empty where it was not, or is not whole."""
    if before is None or before.turn == answer.turn or answer.state != "done":
        return ""
    told = compare_answers(before, answer, language=words.language)
    lines = "".join(map(hint, list_changes(told, before, answer, words)))
    same = hint(words.changed_nothing) if told.is_same else ""
    text = render_words(told.words, words.changed_text, words) if any(kind != "same" for kind, _ in told.words) else ""
    return f'<section class="changed"><h3>{escape(words.changed)}</h3>{same}{text}{lines}</section>'


def list_changes(told: AnswerDifference, before: Answer, answer: Answer, words: UiTexts) -> list[str]:
    """Beside the words: evidence, what the witnesses say, how sure it is."""
    added = name_files(told.citations_added, answer, words)
    removed = name_files(told.citations_removed, before, words)
    cited = {
        words.changed_added: [name for name in added if name not in removed],
        words.changed_removed: [name for name in removed if name not in added],
        words.changed_places: [name for name in added if name in removed],
    }
    lines = [words.changed_request] if told.requests_differ else []
    lines += [line.format(files=words.join(names)) for line, names in cited.items() if names]
    verdicts = [each.verdict.answer if each.verdict else "" for each in (before, answer)]
    if all(verdicts) and verdicts[0] != verdicts[1]:
        lines.append(words.changed_verdict.format(before=words.name(verdicts[0]), after=words.name(verdicts[1])))
    was, now = (tell_certainty(each, words) for each in told.confidence)
    return lines if was == now else [*lines, words.changed_certainty.format(before=was, after=now)]


def name_files(names: Sequence[str], answer: Answer, words: UiTexts) -> list[str]:
    """What an answer cites under these names, as the page calls it: a box has no numbers there."""
    known = {name_citation(each, words.language): name_region(each.region, words) for each in answer.citations}
    return list(dict.fromkeys(known[name] for name in names))


def tell_certainty(chance: float | None, words: UiTexts) -> str:
    """In per cent, or that nobody knows."""
    return words.changed_unknown if chance is None else f"{100 * chance:.0f} %"


def render_words(pieces: Sequence[tuple[WordChange, str]], name: str, words: UiTexts) -> str:
    """A text with what went and what came."""
    return f'<p class="words" dir="auto" role="group" aria-label="{escape(name)}">{mark_words(pieces, words)}</p>'


def render_program_difference(before: Answer | None, answer: Answer, words: UiTexts) -> str:
    """What a program gave before it was changed and what it gives now; empty where none was run again."""
    was, now = before.worked if before else None, answer.worked
    if before is None or was is None or now is None or before.turn != answer.turn:
        return ""
    values = [words.name(each.answer) if each.answer else words.changed_no_value for each in (was, now)]
    told = words.changed_value.format(before=values[0], after=values[1])
    pieces = compare_texts(was.program, now.program)
    return render_words(pieces, words.changed_program, words) + hint(told)
