"""Whether the detector of things has found a thing, as a probability; and how much each witness of presence counts.

The detector's scores are no probabilities: one curve over the log-odds of a name's best score makes them so, for a thing
that is there as often as not, moved for each word that people often use, since what they mention is not what is there.
A word is heard that is one of COCO's names, another word for it, or a kind that it is a member of (animal: dog); of a
narrower kind (man: person) the detector knows less than those who look at the whole picture.

Shape key:  C COCO's names, T things, W witnesses
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from deepseek_mm.embeddings.space import Floats
from deepseek_mm.errors import MissingWeights
from deepseek_mm.language.words import IS_A, OTHER_NAMES, singular
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.vocabulary import NamingCurve

REMEMBERED = 4096  # things whose names are known
FAINT = 0.01  # score below which a name is as good as absent
MOST_SURE = 6.0  # log-odds that the detector alone is believed, for or against
CALLED = {  # what people call COCO's things besides
    "bicycle": ("bike",),
    "motorcycle": ("motorbike", "dirt bike", "scooter"),
    "airplane": ("plane", "jet"),
    "boat": ("ship", "canoe", "kayak", "sailboat", "raft", "ferry", "rowboat", "speedboat", "yacht"),
    "car": ("automobile", "taxi", "cab", "suv", "sedan", "van"),
    "truck": ("lorry", "pickup"),
    "bird": ("pigeon", "seagull", "duck", "goose"),
    "cow": ("bull", "cattle", "calf", "ox"),
    "sheep": ("lamb",),
    "backpack": ("rucksack",),
    "handbag": ("purse",),
    "tie": ("necktie",),
    "suitcase": ("luggage",),
    "skis": ("ski",),
    "sports ball": ("ball", "football", "soccer ball", "basketball", "baseball", "tennis ball", "volleyball"),
    "baseball bat": ("bat",),
    "tennis racket": ("racket", "racquet"),
    "cup": ("mug",),
    "hot dog": ("hotdog",),
    "donut": ("doughnut",),
    "potted plant": ("houseplant",),
    "dining table": ("table",),
    "tv": ("monitor",),
    "laptop": ("computer", "notebook"),
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


def best_log_odds(things: Sequence[str], most_C: Floats) -> Floats:
    """(T,): of the surest name that is such a thing. Each thing has a name, see `find_names`."""
    log_odds_C = np.log(1 / np.clip(most_C, FAINT, 1 - FAINT) - 1) * -1
    rows = [[NAMES.index(name) for name in find_names(thing)] for thing in things]
    return np.array([log_odds_C[row].max() for row in rows], np.float32)


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorWitness:
    """What the detector says of things, and the weights of all witnesses where it says something."""

    curve: NamingCurve
    weights: Mapping[str, Mapping[str, float]]  # kind of thing (KNOWN, NAMED) -> witness -> weight; and "offset"

    def chance_of(self, thing: str, detections: Detections | None) -> float | None:
        """Probability that the thing is there; None where the detector is absent or does not know such a thing."""
        if detections is None or not find_names(thing):
            return None
        z_T = best_log_odds([thing], detections.most_C)
        words = [thing if thing in self.curve.word_offsets else find_names(thing)[0]]
        return float(self.curve.probability(z_T, words)[0])
