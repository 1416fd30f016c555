"""Requests that users corrected, as examples: `learning requests` writes the file, `train requests` reads it.

A person says which kind of act it was, and where; of form, attribute and marked parts nothing is learned.
"""

from pathlib import Path

from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.learning.request_examples import RequestCorrection
from deepseek_mm.storage.files import parse_json, read_lines
from deepseek_mm.training.requests.examples import ActLabels, RequestExample
from deepseek_mm.training.requests.marked_text import Span

REPEATED = 20  # times that each counts, beside tens of thousands of others
MAKE = "python -m deepseek_mm learning requests > FILE"


def read_corrections(file: Path | None) -> list[RequestExample]:
    """Those of a file, each `REPEATED` times; none without one. NothingThere, or BadFile for another kind of file."""
    if file is None:
        return []
    if not file.is_file():
        raise NothingThere(f"no file at {file}. Write it with: {MAKE}")
    try:
        corrections = [RequestCorrection.of_json(parse_json(line)) for line in read_lines(file) if line.strip()]
    except (ValueError, TypeError, LookupError) as error:
        raise BadFile(f"{file} holds no corrected requests ({error}). Write it with: {MAKE}") from error
    return [example for correction in corrections if (example := read_correction(correction))] * REPEATED


def read_correction(correction: RequestCorrection) -> RequestExample | None:
    """One of them; None where it cannot be told at which words its acts begin."""
    text, acts, end = correction.text, correction.request.acts, 0
    starts, joiners = list[int](), list[Span]()
    for act in acts:
        start = text.find(act.text, end) if act.text != text else 0
        if start < end:  # not found, or all of the text for a later act, too
            return None
        joiners += [Span(at, at + 1, "joiner") for at in range(end, start) if text[at] != " " and starts]
        starts.append(start)
        end = start + len(act.text)
    labels = tuple(ActLabels(kind=act.kind, scope=act.scope, form=None, attribute=None) for act in acts)
    return RequestExample(
        text=text, situation=correction.situation, language=correction.request.language, acts=labels,
        starts=(0, *starts[1:]), joiners=tuple(joiners),
    )  # fmt: skip
