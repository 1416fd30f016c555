"""Who describes a picture: the captioner photos only, and only where others vouch for it; else what was found."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import torch
from PIL import Image

from deepseek_mm.embeddings.default import ImageFeatures
from deepseek_mm.embeddings.space import ImageEmbedding
from deepseek_mm.vision.caption_gate import CaptionGate, GateWeights
from deepseek_mm.vision.captioner import Caption
from deepseek_mm.vision.description import Describer, Description, gather_evidence
from deepseek_mm.vision.detector.detector import NAMES, Detections
from deepseek_mm.vision.ocr import TextBlock
from deepseek_mm.vision.picture_kind import PictureKind
from deepseek_mm.vision.pipeline import ImageAnalysis
from index import Label, Region, Source

LEAST_ONLY = GateWeights(
    offset=0, least=1, mean=0, words=0, nouns=0, label=0, detector=0, unseen=0, likeness=0, keep=0.8
)


class Parrot:
    """Says the same of every photo."""

    def __init__(self, text):
        self.text, self.heard = text, 0

    def describe_maps(self, maps):
        for _ in maps:
            self.heard += 1
            yield Caption(self.text, 0.5)


class Watcher:
    """Sees the same things everywhere."""

    def __init__(self, **presence):
        self.presence = presence

    def notice(self, cells_BPC, vectors_BD):
        return [self.presence] * len(cells_BPC)


def picture(kind, *, labels=(), lines=()):
    source = Source(path="/a.jpg", width_px=100, height_px=100)
    made = ImageAnalysis(Image.new("RGB", (100, 100)), source)
    look = ImageEmbedding(vector_D=np.ones(4, np.float32), grid_HWD=np.ones((9, 9, 4), np.float32), tags=())
    made.features = ImageFeatures(look=look, cells_PC=torch.zeros(81, 2, dtype=torch.bfloat16))
    made.kind, made.lines = PictureKind(kind, 0.9), lines
    made.labels = tuple(Label(name=name, score=0.9) for name in labels)
    made.regions = (Region(source=source, kind="whole", box_px=(0, 0, 100, 100), labels=made.labels, colours=("red",)),)
    return made


def test_a_caption_that_is_vouched_for_is_told_and_else_what_was_found():
    said, gate = Parrot("A dog is running on grass"), CaptionGate(LEAST_ONLY)
    (told,) = Describer(said, gate, Watcher(dog=0.9, grass=0.1)).describe_many([picture("photo", labels=["kite"])])
    assert (told.text, told.author, round(told.chance, 3)) == ("A dog is running", "caption", 0.9)
    (told,) = Describer(said, gate, Watcher(dog=0.7, grass=0.1)).describe_many([picture("photo", labels=["kite"])])
    assert told == Description("A kite", "composed", 0.9)


def test_the_captioner_is_not_asked_about_plots_pages_and_products():
    parrot = Parrot("A man in a red shirt")
    describer = Describer(parrot, CaptionGate(LEAST_ONLY), Watcher(man=0.99, shirt=0.99))
    lines = (TextBlock(text="Rain", box_px=(0, 0, 50, 9), score=1.0),)
    pictures = [picture("plot", lines=lines), picture("photo"), picture("document"), picture("product shot")]
    told = describer.describe_many(pictures)
    assert [each.text for each in told] == ['A plot with the title "Rain"', "A man in a red shirt", "A document", ""]
    assert [each.author for each in told] == ["composed", "caption", "composed", ""]
    assert parrot.heard == 1


def test_a_product_shot_has_the_colour_of_its_middle():
    shot = picture("product shot", labels=["kite"])
    shot.image.paste("yellow", (30, 30, 70, 70))
    (told,) = Describer(Parrot(""), None, None).describe_many([shot])
    assert told.text == "A yellow kite on a plain ground"


def test_without_a_gate_or_a_tagger_no_caption_is_told():
    photo = picture("photo", labels=["kite"])
    for describer in (
        Describer(Parrot("A dog"), None, Watcher()),
        Describer(Parrot("A dog"), CaptionGate(LEAST_ONLY), None),
    ):
        assert describer.describe_many([photo]) == [Description("A kite", "composed", 0.9)]


def test_evidence_is_what_detector_tagger_labels_and_colours_say():
    photo = picture("photo", labels=["kite"])
    photo.noticed = {"dog": 0.4}
    part = replace(photo.regions[0], kind="part", box_px=(0, 0, 9, 9))
    photo.regions += (part, part, replace(part, labels=(Label(name="kite", score=0.4),)))
    assert gather_evidence(photo).detected == {}
    photo.detections = Detections(boxes=(), most_C=np.linspace(0, 1, len(NAMES)))
    seen = gather_evidence(photo)
    assert seen.detected[NAMES[-1]] == 1.0
    assert (seen.presence, seen.labels, seen.colours) == ({"dog": 0.4}, {"kite": 0.9}, {"red"})
    assert seen.counts == {"kite": 2}


def test_a_picture_that_nobody_looked_at_is_not_described():
    bare = ImageAnalysis(Image.new("RGB", (9, 9)))
    bare.kind = PictureKind("plot", 1.0)
    assert Describer(SimpleNamespace(), None, None).describe_many([bare]) == [Description()]
