"""The calibrated probability that a collection shows a thing, and how often its threshold is wrong.

A search always has a nearest picture; whether that one shows the thing is another question. These witnesses are heard:

- expected: in how many photos of a collection of this size people would mention the thing, as they do in captions. A
  word that no caption used is judged by its neighbours: one direction of the space tells what is photographed often.
  More than a few photos say nothing more: however common dogs are, a collection may have none.
- more: the nearest pictures stand out against the background's words on the same pictures; by how much more than the
  nearest pictures of a background of other people's photos do? So a picture that is near to everything is no witness,
  and a common thing whose nearest pictures are poorer than other people's is missed.
- trusted: the same, times how well the thing is known: what people mention often, the space has learned to see.
- part_more, part_trusted: both of the nearest parts of pictures, which small things fill.
- named: how many photos carry a label that names the thing.
- unfound: no photo carries such a label, though the detector of things knows the thing.
- size: the number of photos, for the nearest of many is near by chance.

A logistic curve joins them; it is fitted on galleries of training photos (`training.abstain`), some with a common
thing taken out, and so is the threshold.

Shape key:  T things, D width of the space, k nearest pictures, W words and P photos of the background

`eval abstain --scores FILE` asks for things of which it is known whether they are in the photos, and keeps how certain
the search was of each. From these both rates follow at any threshold. A file belongs to one file of weights.
"""

import hashlib
import json
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from deepseek_mm.chance import log_odds
from deepseek_mm.embeddings.space import Floats, read_fitted
from deepseek_mm.language.words import singular, tokens
from deepseek_mm.vision.people import PEOPLE
from deepseek_mm.vision.presence import find_names

FILE = Path(__file__).parent.parent / "weights" / "certainty.safetensors"
NEAREST = 20  # pictures that are heard for a thing
BEST = 5  # of them, those on which it stands out most
PLENTY = 1.0  # logarithm of the expected photos beyond which more of them say nothing new
UNKNOWN = -2.0  # logarithm of the expected photos below which a thing's vector is not trusted
RIVALS = 20  # words of the background that a picture is nearest to: what any thing reaches on it
MOST_NAMED = 20  # photos with a label beyond which more of them say nothing new
UNTOLD = 1.5  # log-odds against a thing of which nobody and nothing says a word, where every photo has words
SMOOTH = 0.5  # of a thing's rate, what its neighbours in the space add to its own count


@dataclass(frozen=True, kw_only=True, slots=True)
class PresenceTrace:
    """What a collection says about one thing."""

    phrase: str  # singular, in lower case: "traffic light"
    vector_D: Floats
    nearest_kD: Floats  # vectors of the pictures nearest to it, at most NEAREST, best first
    parts_kD: Floats  # the same of parts of pictures
    named: int  # photos with a label that names it
    num_photos: int
    told: float = 0.0  # share of the photos of which a name or a note tells what they show


@dataclass(frozen=True, kw_only=True, slots=True)
class Commons:
    """How often people mention a thing when they describe photos."""

    counts: Mapping[str, int]  # word, singular -> photos whose captions say it
    num_photos: int
    direction_D: Floats
    offset: float
    compound: float = 1.0  # photos with a phrase, for each photo with its rarest word

    def log_rate(self, phrase: str, vector_D: Floats) -> float:
        """Logarithm of the share of photos that would be said to show it; never minus infinity."""
        words = [singular(word) for word in tokens(phrase)] or [phrase]
        own = min(self.counts.get(word, 0) for word in words) * (self.compound if len(words) > 1 else 1.0)
        neighbours = math.exp(float(self.direction_D @ vector_D) + self.offset)
        return math.log(own / self.num_photos + SMOOTH * neighbours)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogisticCurve:
    """Probability = sigmoid of a weighted sum."""

    weights: tuple[float, ...]  # one for each witness, in their order
    offset: float
    threshold: float  # probability from which the thing counts as found

    def probability(self, witnesses: Sequence[float]) -> float:
        """0 to 1."""
        total = sum(w * x for w, x in zip(self.weights, witnesses, strict=True)) + self.offset
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


class Certainty:
    """Hears the witnesses."""

    def __init__(
        self,
        commons: Commons,
        *,
        words_WD: Floats,
        photos_PD: Floats,
        parts_PD: Floats,
        things: LogisticCurve,
        pictures: LogisticCurve,
    ) -> None:
        self.commons, self.words_WD = commons, words_WD
        self.photos_PD, self.parts_PD = photos_PD, parts_PD
        self.things, self.pictures = things, pictures
        self._elsewhere, self._parts_elsewhere = ((each, rivals(each, words_WD)) for each in (photos_PD, parts_PD))

    def witnesses(self, trace: PresenceTrace) -> tuple[float, ...]:
        """Expected, more, trusted, part_more, part_trusted, named, unfound, size; for a collection with a picture."""
        named = math.log1p(min(trace.named, MOST_NAMED))
        unfound = float(not trace.named and bool(find_names(trace.phrase)))
        return self._hear(trace, self._count_expected(trace), named=named, unfound=unfound)

    def _hear(self, trace: PresenceTrace, expected: float, *, named: float, unfound: float) -> tuple[float, ...]:
        more = self._stands_out_more(trace.vector_D, trace.nearest_kD, self._elsewhere)
        part_more = self._stands_out_more(trace.vector_D, trace.parts_kD, self._parts_elsewhere)
        trust = max(0.0, expected - UNKNOWN)
        size = math.log(trace.num_photos)
        return (expected, more, more * trust, part_more, part_more * trust, named, unfound, size)

    def _count_expected(self, trace: PresenceTrace) -> float:
        """Logarithm of the photos that would be said to show it."""
        return min(PLENTY, self.commons.log_rate(trace.phrase, trace.vector_D) + math.log(trace.num_photos))

    def _stands_out_more(self, vector_D: Floats, here_kD: Floats, elsewhere: tuple[Floats, Floats]) -> float:
        """Than elsewhere; 0 where there is nothing."""
        if not len(here_kD):
            return 0.0
        here = standing_out(vector_D, here_kD, rivals(here_kD, self.words_WD))
        return here - standing_out(vector_D, *elsewhere)

    def of_thing(self, trace: PresenceTrace) -> float:
        """Probability that the collection shows the thing; 0 where there is no picture.

        What no label names is less probable the more photos have words, which name other things; people have names.
        """
        if not len(trace.nearest_kD):
            return 0.0
        chance = self.things.probability(self.witnesses(trace))
        is_told = trace.named or trace.phrase in PEOPLE
        return chance if is_told else 1 / (1 + math.exp(UNTOLD * trace.told - log_odds(chance)))

    def of_scene(self, whole: PresenceTrace, things: Sequence[PresenceTrace]) -> float:
        """Probability that it shows the things together: expected as often as the rarest, and named by no label."""
        if not len(whole.nearest_kD):
            return 0.0
        expected = min(self._count_expected(thing) for thing in things)
        return self.things.probability(self._hear(whole, expected, named=0.0, unfound=0.0))

    def of_picture(self, cosine: float) -> float:
        """Probability that the picture nearest to another one shows the same."""
        return self.pictures.probability((cosine,))


def rivals(pictures_PD: Floats, words_WD: Floats) -> Floats:
    """(P,): mean cosine of each picture with the background's words that are nearest to it."""
    cosine_PW = pictures_PD @ words_WD.T
    return np.asarray(np.sort(cosine_PW, axis=1)[:, -RIVALS:].mean(axis=1), dtype=np.float32)


def standing_out(vector_D: Floats, pictures_PD: Floats, rivals_P: Floats) -> float:
    """By how much the thing beats the rivals on the pictures where it does so best, on average."""
    return float(np.sort(pictures_PD @ vector_D - rivals_P)[-BEST:].mean())


def save_certainty(file: Path, fingerprint: str, certainty: Certainty) -> None:
    """Write what `read_certainty` reads, beside the file and then in its place."""
    commons = certainty.commons
    told = {
        "fingerprint": fingerprint,
        "counts": dict(commons.counts),
        "num_photos": commons.num_photos,
        "offset": commons.offset,
        "compound": commons.compound,
        "things": asdict(certainty.things),
        "pictures": asdict(certainty.pictures),
    }
    arrays = {
        "words": certainty.words_WD,
        "photos": certainty.photos_PD,
        "parts": certainty.parts_PD,
        "direction": commons.direction_D,
    }
    draft = file.with_suffix(".draft")
    halved = {name: array.astype(np.float16) for name, array in arrays.items()}
    save_file(halved, draft, metadata={"certainty": json.dumps(told, sort_keys=True)})
    draft.replace(file)


def read_certainty(*fingerprints: str, file: Path = FILE) -> Certainty | None:
    """What was fitted for a space with one of these fingerprints, or None."""
    fitted = read_fitted(file, "certainty", fingerprints)
    if fitted is None:
        return None
    told, arrays = fitted
    return Certainty(
        Commons(
            counts=told["counts"],
            num_photos=told["num_photos"],
            direction_D=arrays["direction"],
            offset=told["offset"],
            compound=told["compound"],
        ),
        words_WD=arrays["words"],
        photos_PD=arrays["photos"],
        parts_PD=arrays["parts"],
        things=curve_of(told["things"]),
        pictures=curve_of(told["pictures"]),
    )


def photos_of_nobody(file: Path = FILE) -> Floats:
    """(P, D): the vectors of the background's photos."""
    return np.asarray(load_file(file)["photos"], np.float32)


def curve_of(told: Mapping[str, Any]) -> LogisticCurve:
    """A curve that was written as JSON."""
    return LogisticCurve(weights=tuple(told["weights"]), offset=told["offset"], threshold=told["threshold"])


MEASURED_FILE = FILE.with_suffix(".json")


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredErrors:
    """Certainties, 0 to 1, in rising order."""

    there: tuple[float, ...]  # of the things that are in some photo
    absent: tuple[float, ...]  # of those that are in none

    def false_answers(self, threshold: float) -> float:
        """Percent of the absent things that are called found at this threshold."""
        return 100 * (1 - bisect_left(self.absent, threshold) / len(self.absent))

    def false_refusals(self, threshold: float) -> float:
        """Percent of the things that are there and are not called found."""
        return 100 * bisect_left(self.there, threshold) / len(self.there)


def read_measured(file: Path = MEASURED_FILE, *, weights: Path = FILE) -> MeasuredErrors | None:
    """What was measured with these weights, or None."""
    if not (file.is_file() and weights.is_file()):
        return None
    told = json.loads(file.read_text(encoding="utf-8"))
    if told["weights"] != digest(weights):
        return None
    return MeasuredErrors(there=tuple(told["there"]), absent=tuple(told["absent"]))


def save_measured(file: Path, measured: MeasuredErrors, *, weights: Path = FILE) -> None:
    """Write what `read_measured` reads, beside the file and then in its place."""
    told = {"weights": digest(weights), "there": measured.there, "absent": measured.absent}
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps(told) + "\n", encoding="utf-8")
    draft.replace(file)


def digest(weights: Path) -> str:
    """The name of a file of weights."""
    return hashlib.sha256(weights.read_bytes()).hexdigest()[:16]
