"""Whether the detector of things has found a thing, as a probability; and how much each witness of presence counts.

The detector's scores are no probabilities: one curve over the log-odds of a name's best score makes them so, for a
thing that is there as often as not, moved for each word that people often use: what they mention is not what is there.
A word is heard that is one of COCO's names, another word for it, or a kind that it is a member of (animal: dog); of a
narrower kind (man: person) the detector knows less than those who look at the whole picture.

Shape key:  C COCO's names, T things
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from deepseek_mm.chance import log_odds
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.errors import MissingWeights
from deepseek_mm.language.words import IS_A, OTHER_NAMES, singular
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.vocabulary import NamingCurve

REMEMBERED = 4096  # things whose names are known
FAINT = 0.01  # score below which a name is as good as absent
CALLED = {  # what people call COCO's things besides
    "bicycle": ("bike",),
    "motorcycle": ("motorbike", "dirt bike", "scooter"),
    "airplane": ("plane", "jet"),
    "boat": ("ship", "canoe", "kayak", "sailboat", "raft", "ferry", "rowboat", "speedboat", "yacht"),
    "car": ("automobile", "taxi", "cab", "suv", "sedan", "van"),
    "truck": ("lorry", "pickup"),
    "bird": ("pigeon", "seagull", "duck", "goose"),
    "cow": ("bull", "cattle", "ox"),
    "sheep": ("lamb",),
    "backpack": ("rucksack",),
    "handbag": ("purse",),
    "tie": ("necktie",),
    "suitcase": ("luggage",),
    "skis": ("ski",),
    "sports ball": ("ball", "football", "soccer ball", "basketball", "baseball", "tennis ball", "volleyball"),
    "tennis racket": ("racket", "racquet"),
    "cup": ("mug",),
    "hot dog": ("hotdog",),
    "donut": ("doughnut",),
    "potted plant": ("houseplant",),
    "dining table": ("table",),
    "tv": ("monitor",),
    "laptop": ("computer",),
    "remote": ("remote control",),
    "cell phone": ("phone", "cellphone", "smartphone", "mobile phone"),
    "refrigerator": ("fridge",),
    "hair drier": ("hair dryer", "hairdryer"),
}


@lru_cache(maxsize=REMEMBERED)
def find_names(thing: str) -> tuple[str, ...]:
    """COCO's names whose things are such a thing; none of a thing that COCO does not know."""
    thing = singular(thing.lower())
    return tuple(name for name in NAMES if thing in names_for(name) or name in IS_A.get(thing, ()))


@lru_cache(maxsize=len(NAMES))
def names_for(name: str) -> frozenset[str]:
    """What people call a thing that COCO calls so."""
    return frozenset((name, *OTHER_NAMES.get(name, ()), *CALLED.get(name, ())))


def log_odds_of(score: Floats) -> Floats:
    """Of the detector's scores, which are kept off 0 and 1."""
    kept = np.clip(score, FAINT, 1 - FAINT)
    return np.asarray(np.log(kept / (1 - kept)), np.float32)


def best_log_odds(things: Sequence[str], most_C: Floats) -> Floats:
    """(T,): of the surest name that is such a thing. Each thing has a name, see `find_names`."""
    log_odds_C = log_odds_of(most_C)
    rows = [[NAMES.index(name) for name in find_names(thing)] for thing in things]
    return np.array([log_odds_C[row].max() for row in rows], np.float32)


WEIGHTS = Path(__file__).parents[1] / "weights" / "presence.json"
MAKE = "python -m deepseek_mm train presence --help"
KNOWN, NAMED = "known", "named"  # things that the reader was often asked for, and others
SEEN = "seen"  # likeness and the detector alone, where nobody reads a question
EVEN_ODDS = 0.5
UNFITTED = 0.5  # weight of a witness that somebody plugged in: how often it is right was measured by nobody


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the log-odds of yes, by witness, and what is added."""

    by: Mapping[str, float]
    offset: float = 0.0


def add_log_odds(p_yes: Mapping[str, float | None], weights: Weights) -> float:
    """Probability of yes from several; one alone counts as it is."""
    there = {by: p for by, p in p_yes.items() if p is not None}
    if len(there) == 1:
        return next(iter(there.values()))
    total = weights.offset + sum(weights.by.get(by, UNFITTED) * log_odds(p) for by, p in there.items())
    return 1 / (1 + math.exp(-total))


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorWitness:
    """What the detector says of things, and how much each witness counts where it says something."""

    curve: NamingCurve
    weights: Mapping[str, Weights]  # of KNOWN and of NAMED things, and of what is SEEN

    def chance_of(self, thing: str, detections: Detections | None) -> float | None:
        """Probability that the thing is there; None where nothing was detected in, or COCO knows no such thing.

        Of a kind of things (animal, food) COCO knows some members only: the others may be there unseen.
        """
        names = find_names(thing)
        if detections is None or not names:
            return None
        word = thing if thing in self.curve.word_offsets else names[0]
        chance = float(self.curve.probability(best_log_odds([thing], detections.most_C), [word])[0])
        is_kind = not any(singular(thing.lower()) in names_for(name) for name in names)
        return None if chance < EVEN_ODDS and is_kind else chance


def write_witness(file: Path, witness: DetectorWitness) -> None:
    """What `read_witness` reads."""
    told = {"curve": asdict(witness.curve), "weights": {kind: asdict(own) for kind, own in witness.weights.items()}}
    atomic_write(file, (json.dumps(told, indent=1, sort_keys=True) + "\n").encode())


@lru_cache(maxsize=1)
def read_witness(file: Path = WEIGHTS) -> DetectorWitness:
    """The one that is shipped. MissingWeights without its file."""
    if not file.is_file():
        raise MissingWeights(file, make=MAKE)
    told = json.loads(file.read_text(encoding="utf-8"))
    weights = {kind: Weights(**own) for kind, own in told["weights"].items()}
    return DetectorWitness(curve=NamingCurve(**told["curve"]), weights=weights)
