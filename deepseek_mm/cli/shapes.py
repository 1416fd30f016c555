"""Records as plain JSON values: what `--json` prints. Names and order here are a promise to other programs."""

from collections.abc import Sequence
from typing import Any

from deepseek_mm.records import Answer, Citation
from index import Hit, Region


def region_shape(region: Region) -> dict[str, Any]:
    """Where a region is and what it shows; the box is left, top, right, bottom in pixels of the upright original."""
    return {
        "path": region.source.path,
        "kind": region.kind,
        "box_px": list(region.box_px),
        "label": region.label,
        "labels": [{"name": label.name, "score": rounded(label.score)} for label in region.labels],
        "colours": list(region.colours),
    }


def citation_shape(citation: Citation) -> dict[str, Any]:
    """A region with the number that the answer gives it."""
    return {"number": citation.number, "score": rounded(citation.score), **region_shape(citation.region)}


def answer_shape(answer: Answer) -> dict[str, Any]:
    """The whole answer, with the claims that were checked."""
    return {
        "text": answer.text,
        "found": answer.found,
        "confidence": None if answer.confidence is None else rounded(answer.confidence),
        "citations": [citation_shape(citation) for citation in answer.citations],
        "checks": [
            {"claim": c.claim, "numbers": list(c.numbers), "kept": c.kept, "reason": c.reason} for c in answer.checks
        ],
        "state": answer.state,
        "conversation": answer.conversation,
        "turn": answer.turn,
        "model": answer.model,
        "seconds": rounded(answer.seconds),
    }


def hits_shape(hits: Sequence[Hit]) -> dict[str, Any]:
    """What a search found, best first."""
    return {"hits": [{"score": rounded(hit.score), **region_shape(hit.region)} for hit in hits]}


def rounded(value: float) -> float:
    """Four digits are more than any score here is worth; a plain float, whatever numpy made it."""
    return round(float(value), 4)
