"""Records as plain JSON values: what `--json` prints and the API says. Names here are a promise to other programs."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from deepseek_mm.stage_clock import AnswerStage, AnswerTimeline
from deepseek_mm.types import Answer, Citation, Found, Match, Request
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
        "at_ms": region.at_ms,
        "lines": list(region.lines),
        "text": region.text,
        "machine_made": region.machine_made,
        "label": region.label,
        "labels": [{"name": label.name, "score": round_score(label.score)} for label in region.labels],
        "colours": list(region.colours),
        "symbol": symbol_shape(region.symbol) if region.symbol else None,
    }


def symbol_shape(symbol: Symbol) -> dict[str, str]:
    """What a piece of code defines; the names that it calls are asked for by name."""
    return pick(symbol, "name", "parent", "kind", "signature", "doc")


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
        "checks": [pick(c, "claim", "numbers", "kept", "reason") | {"numbers": list(c.numbers)} for c in answer.checks],
        **pick(answer, "state", "conversation", "turn", "model"),
        "seconds": round_score(answer.seconds),
        "unread": answer.unread,
        "trace": answer.trace and answer.trace.as_json(),  # which experts worked, if the model has any
        "understood": answer.request and request_shape(answer.request),
        "timeline": answer.timeline and timeline_shape(answer.timeline),
        "offers": [pick(o, "action", "text", "targets", "value") | {"targets": list(o.targets)} for o in answer.offers],
    }


def timeline_shape(timeline: AnswerTimeline) -> dict[str, Any]:
    """Its stages, in order, and how many questions shared the time of the first ones."""
    return {"together": timeline.together, "stages": [stage_shape(stage) for stage in timeline.stages]}


def stage_shape(stage: AnswerStage) -> dict[str, Any]:
    """One stage: its time, what it kept, who was asked."""
    told = pick(stage, "name", "kept", "among") | {"by": list(stage.by), "files": list(stage.files)}
    left_out = [{"name": name, "chance": round_score(chance)} for name, chance in stage.left_out]
    needed = round_score(stage.needed)
    return told | {"seconds": round_score(stage.seconds), "left_out": left_out, "needed": needed}


def request_shape(request: Request) -> dict[str, Any]:
    """As what a question was understood: its acts, in order."""
    acts = [asdict(act) | {"chance": round_score(act.chance)} for act in request.acts]
    return {"acts": acts, "language": request.language, "chance": round_score(request.chance), "by": request.by}


def found_shape(found: Found) -> dict[str, Any]:
    """Whether the library has it, how sure that is, and the matches, best first."""
    return {
        "found": found.found,
        "certainty": round_score(found.certainty),
        "threshold": round_score(found.threshold),
        "language": found.language,
        "bounds": list(found.bounds),
        "hits": [match_shape(match) for match in found.matches],
    }


def match_shape(match: Match) -> dict[str, Any]:
    """One match: its region, its reasons, and the paths of its near duplicates."""
    return {
        "score": round_score(match.score),
        "relevance": round_score(match.relevance),
        "likely": match.likely,
        "why": list(match.why),
        "twins": [twin.source.path for twin in match.twins],
        **region_shape(match.region),
    }


def rule_shape(rule: "Rule") -> dict[str, Any]:
    """A rule of a file."""
    return pick(rule, "line", "kind", "text", "by_absence")


def held_shape(held: "Held") -> dict[str, Any]:
    """A rule that holds in a photo, and the boxes that it rests on."""
    boxes = [{"label": region.label, "box_px": list(region.box_px)} for region in held.regions]
    return {**rule_shape(held.rule), "boxes": boxes}


def job_shape(job: "Job") -> dict[str, Any]:
    """A piece of long work and how it stands."""
    state = pick(job, "id", "kind", "title", "state", "done", "total", "message", "num_failed")
    return state | job.result


def pick(record: object, *names: str) -> dict[str, Any]:
    """The attributes of these names."""
    return {name: getattr(record, name) for name in names}


def round_score(value: float) -> float:
    """Four digits are more than any score here is worth; a plain float, whatever numpy made it."""
    return round(float(value), 4)
