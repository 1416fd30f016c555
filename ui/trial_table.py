"""A trial of a language model as HTML: how far it is, then how it and the model that answers did on the same questions.

It stands on the card of the model that is tried.
"""

import re
from collections.abc import Iterator
from html import escape

from deepseek_mm import TrialAnswer, TrialRow, TrialState
from ui.html import hint, notice, progress
from ui.words import UiTexts

CITED = re.compile(r" ?\[\d{1,4}\]")


def render_trial(trial: TrialState, title: str, words: UiTexts) -> str:
    """What there is to say of it as it stands."""
    if trial.is_active:
        return _render_progress(trial, title, words)
    if trial.step == "failed":
        return notice(words.trial_failed.format(why=words.say(trial.message)))
    return _render_outcome(trial, title, words) if trial.step in ("done", "stopped") else ""


def tell_far(trial: TrialState, words: UiTexts) -> str:
    """Which question is at hand."""
    told = {"opening": words.trial_opening, "stopping": words.model_stopping}
    n = min(len(trial.rows) + 1, trial.total)
    return told.get(trial.step) or words.trial_far.format(n=n, total=trial.total)


def _render_progress(trial: TrialState, title: str, words: UiTexts) -> str:
    bar = progress(f"{words.model_try}: {title}", len(trial.rows), trial.total)
    return f'<div class="job">{bar}{hint(tell_far(trial, words))}</div>'


def _render_outcome(trial: TrialState, title: str, words: UiTexts) -> str:
    """How many are right, how fast, and where one of them is right alone."""
    count = len(trial.rows)
    ended = words.trial_stopped.format(n=count, total=trial.total) if trial.step == "stopped" else ""
    if not count:
        return hint(ended)
    right = [words.trial_right_of.format(n=score, total=count) for score in trial.scores]
    seconds = [words.trial_seconds_of.format(seconds=f"{each:.1f}") for each in trial.seconds]
    body = _render_row(words.trial_right, right) + _render_row(words.trial_seconds, seconds)
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in (words.trial_present, title))
    caption = escape(words.trial_caption.format(total=count))
    table = f"<caption>{caption}</caption><thead><tr><td></td>{heads}</tr></thead><tbody>{body}</tbody>"
    differing = _render_differing(trial, title, words)
    return f'<section class="trial">{hint(ended) if ended else ""}<table>{table}</table>{differing}</section>'


def _render_row(name: str, cells: list[str]) -> str:
    told = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(name)}</th>{told}</tr>'


def _render_differing(trial: TrialState, title: str, words: UiTexts) -> str:
    """The questions behind a line that counts them."""
    rows = trial.differing
    if not rows:
        return hint(words.trial_alike)
    told = "".join(_render_question(row, title, words) for row in rows)
    summary = escape(words.trial_differ.format(n=len(rows)))
    return f"<details open><summary>{summary}</summary><ul>{told}</ul></details>"


def _render_question(row: TrialRow, title: str, words: UiTexts) -> str:
    answers = "".join(_render_answers(row, title, words))
    asked = f'<b>{escape(row.ask)}</b> <span class="hint">{escape(row.photo)}</span>'
    return f'<li dir="auto">{asked}<dl>{answers}</dl></li>'


def _render_answers(row: TrialRow, title: str, words: UiTexts) -> Iterator[str]:
    for name, answer in ((words.trial_present, row.present), (title, row.other)):
        text = CITED.sub("", answer.text)  # the photo is the only one
        yield f"<dt>{_render_mark(answer, words)} {escape(name)}</dt><dd>{escape(text)}</dd>"


def _render_mark(answer: TrialAnswer, words: UiTexts) -> str:
    """Right or wrong, for eyes and for ears."""
    mark, said = ("\u2713", words.trial_is_right) if answer.right else ("\u2717", words.trial_is_wrong)
    look = "right" if answer.right else "wrong"
    return f'<span class="{look}"><span aria-hidden="true">{mark}</span> {escape(said)}</span>'
