"""What a machine says of a picture in one sentence: a caption that may be told, else what was found, else nothing.

The kind of picture decides who speaks: the captioner learned from photos and speaks of photos only.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from PIL.Image import Image

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.vision.caption_gate import CaptionEvidence, CaptionGate, read_gate
from deepseek_mm.vision.captioner import Caption, Captioner, read_captioner
from deepseek_mm.vision.colours import Palette
from deepseek_mm.vision.composed_description import (
    MOST_THINGS,
    compose_description,
    find_heading,
    find_scene,
    is_sure,
    list_things,
)
from deepseek_mm.vision.detector.detector import NAMES
from deepseek_mm.vision.picture_kind import PHOTO, PRODUCT, PictureKind
from deepseek_mm.vision.pipeline import ImageAnalysis
from deepseek_mm.vision.vqa import cells_of
from deepseek_mm.vision.vqa_net import MultiLabelTagger

MIDDLE = 0.38  # of a side, left out on both ends
Author = Literal["", "caption", "composed"]  # nobody; the captioner; what was found


@dataclass(frozen=True, slots=True)
class Description:
    """A sentence without a full stop, who made it, and how likely it is to be right; empty where nothing is sure."""

    text: str = ""
    author: Author = ""
    chance: float = 0.0


class Describer:
    """Says what pictures show."""

    def __init__(self, captioner: Captioner, gate: CaptionGate | None, tagger: MultiLabelTagger | None) -> None:
        """Without a gate or a tagger nobody vouches for a caption, and none is told."""
        self.captioner, self.gate, self.tagger = captioner, gate, tagger

    def use_beams(self, beams: int) -> None:
        """Follow so many sentences at once from the next picture on."""
        self.captioner.beam = replace(self.captioner.beam, beams=beams)

    def describe_many(self, pictures: Sequence[ImageAnalysis]) -> list[Description]:
        """Of each picture, in order. They have their features, kinds and regions."""
        photos = [picture for picture in pictures if get_kind(picture).name == PHOTO]
        told = dict(zip(photos, self._caption(photos), strict=True))
        return [told.get(picture) or compose(picture) for picture in pictures]

    def _caption(self, photos: Sequence[ImageAnalysis]) -> list[Description | None]:
        """Captions that may be told."""
        if self.gate is None or self.tagger is None:
            return [None] * len(photos)
        return [judge(self.gate, *pair) for pair in zip(photos, self.caption_many(photos), strict=True)]

    def caption_many(self, photos: Sequence[ImageAnalysis]) -> list[Caption]:
        """What the captioner says, in order, whether it may be told or not; each photo has what the tagger sees."""
        if not photos:
            return []
        cells_BPC = cells_of(photos)
        self._add_noticed(photos, cells_BPC)
        return list(self.captioner.describe_maps(cells_BPC))

    def _add_noticed(self, photos: Sequence[ImageAnalysis], cells_BPC: torch.Tensor) -> None:
        """See that each has what the tagger makes of it."""
        if self.tagger is None:
            return
        vectors_BD = torch.stack([torch.from_numpy(photo.look.vector_D) for photo in photos])
        for photo, noticed in zip(photos, self.tagger.notice(cells_BPC.float(), vectors_BD), strict=True):
            photo.noticed = photo.noticed or noticed


def get_kind(picture: ImageAnalysis) -> PictureKind:
    """Its kind; a photo where nobody tells kinds apart."""
    return picture.kind or PictureKind(PHOTO, 1.0)


def judge(gate: CaptionGate, photo: ImageAnalysis, caption: Caption) -> Description | None:
    """The caption, shortened, if it may be told."""
    judged = gate.judge(caption, gather_evidence(photo))
    return Description(judged.text, "caption", judged.chance) if judged.chance >= gate.weights.keep else None


def gather_evidence(photo: ImageAnalysis) -> CaptionEvidence:
    """What tagger, detector and labels see in it, and its colours."""
    detected: Mapping[str, float] = {}
    if photo.detections is not None:
        detected = dict(zip(NAMES, photo.detections.most_C.tolist(), strict=True))
    return CaptionEvidence(
        presence=photo.noticed or {},
        detected=detected,
        labels={label.name: label.score for label in photo.labels or ()},
        colours={colour for region in photo.regions for colour in region.colours},
        counts=Counter(part.label for part in photo.regions[1:] if part.labels and is_sure(part.labels[0])),
    )


def compose(picture: ImageAnalysis) -> Description:
    """What was found in it, as sure as the least sure thing that is told."""
    if not picture.regions:
        return Description()
    kind, things = get_kind(picture), list_things(get_kind(picture), picture.regions)
    if kind.name == PRODUCT and things and not things[0].colour:
        things[0] = replace(things[0], colour=find_middle_colour(picture.image))
    heading = find_heading(picture.lines or (), picture.image.height)
    text = compose_description(kind, things, scene=find_scene(picture.regions[0]), heading=heading)
    told = [thing.score for thing in things[:MOST_THINGS]] or [kind.chance]
    chance = min(told) if text else 0.0
    return Description(text, "composed" if text else "", chance)


def find_middle_colour(image: Image) -> str:
    """What most of the middle has: there a product shot has its thing."""
    wide, high = image.size
    box = (round(MIDDLE * wide), round(MIDDLE * high), round((1 - MIDDLE) * wide), round((1 - MIDDLE) * high))
    return Palette(image).names(box)[0]


def read_describer(space: DefaultSpace, *, tagger: MultiLabelTagger | None) -> Describer:
    """With the captioner and the gate that are shipped. MissingWeights as `read_captioner` raises it."""
    return Describer(read_captioner(space), read_gate(), tagger)
