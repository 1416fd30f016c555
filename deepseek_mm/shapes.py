"""Records as plain JSON values: what `--json` prints and the API says. Names here are a promise to other programs."""

from typing import TYPE_CHECKING, Any

from deepseek_mm.types import Answer, Citation, Found, Match
from index import Region, Symbol

if TYPE_CHECKING:
    from deepseek_mm.answering.scene_programs import Held
    from deepseek_mm.jobs import Job
    from deepseek_mm.logic.rules import Rule


def region_shape(region: Region) -> dict[str, Any]:
    """Where a region is and what it shows; the box is left, top, right, bottom in pixels of the upright original."""
    return {
        "path": region.source.path,
        "kind": region.kind,
        "box_px": list(region.box_px),
        "page": region.page,
        "lines": list(region.lines),
        "text": region.text,
        "label": region.label,
        "labels": [{"name": label.name, "score": round_score(label.score)} for label in region.labels],
        "colours": list(region.colours),
        "symbol": symbol_shape(region.symbol) if region.symbol else None,
    }


def symbol_shape(symbol: Symbol) -> dict[str, str]:
    """What a piece of code defines; the names that it calls are asked for by name."""
    return {name: getattr(symbol, name) for name in ("name", "parent", "kind", "signature", "doc")}


def citation_shape(citation: Citation) -> dict[str, Any]:
    """A region with the number that the answer gives it."""
    return {"number": citation.number, "score": round_score(citation.score), **region_shape(citation.region)}


def answer_shape(answer: Answer) -> dict[str, Any]:
    """The whole answer, with the claims that were checked."""
    return {
        "text": answer.text,
        "found": answer.found,
        "confidence": None if answer.confidence is None else round_score(answer.confidence),
        "citations": [citation_shape(citation) for citation in answer.citations],
        "checks": [
            {"claim": c.claim, "numbers": list(c.numbers), "kept": c.kept, "reason": c.reason} for c in answer.checks
        ],
        "state": answer.state,
        "conversation": answer.conversation,
        "turn": answer.turn,
        "model": answer.model,
        "seconds": round_score(answer.seconds),
        "unread": answer.unread,
        "trace": answer.trace and answer.trace.as_json(),  # which experts worked, if the model has any
    }


def found_shape(found: Found) -> dict[str, Any]:
    """Whether the library has it, how sure that is, and the matches, best first."""
    return {
        "found": found.found,
        "certainty": round_score(found.certainty),
        "threshold": round_score(found.threshold),
        "language": found.language,
        "hits": [match_shape(match) for match in found.matches],
    }


def match_shape(match: Match) -> dict[str, Any]:
    """One match: its region, its reasons, and the paths of its near duplicates."""
    return {
        "score": round_score(match.score),
        "why": list(match.why),
        "twins": [twin.source.path for twin in match.twins],
        **region_shape(match.region),
    }


def rule_shape(rule: "Rule") -> dict[str, Any]:
    """A rule of a file."""
    return {"line": rule.line, "kind": rule.kind, "text": rule.text, "by_absence": rule.by_absence}


def held_shape(held: "Held") -> dict[str, Any]:
    """A rule that holds in a photo, and the boxes that it rests on."""
    boxes = [{"label": region.label, "box_px": list(region.box_px)} for region in held.regions]
    return {**rule_shape(held.rule), "boxes": boxes}


def job_shape(job: "Job") -> dict[str, Any]:
    """A piece of long work and how it stands."""
    return job_state(job) | job.result


def job_state(job: "Job") -> dict[str, Any]:
    """The same without what it brought."""
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "message": job.message,
        "num_failed": job.num_failed,
    }


def round_score(value: float) -> float:
    """Four digits are more than any score here is worth; a plain float, whatever numpy made it."""
    return round(float(value), 4)
