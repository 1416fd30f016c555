"""Looking at a picture: what is in it, where, in which colours, and each place as a vector.

The whole picture is the first region; its labels are the words that hold for it: what the tower's own classifier names,
what was learned from photos, and the vocabulary's other words. Each word is then looked for in the feature map, and
where it has a place smaller than the picture it makes a part. People come from the tower's own finder, if it has one,
which tells them apart; a word for a kind of person (a woman, a climber) goes to the one who is alone in the picture.

Shape key:  N pictures or regions, T things asked for, D width of the space, H, W cells of the feature map
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from PIL.Image import Image

from deepseek_mm.chance import adjust_prior
from deepseek_mm.config import SeeConfig
from deepseek_mm.embeddings.inference import prefetch_batches
from deepseek_mm.embeddings.space import EmbeddingModel, Floats, ImageEmbedding
from deepseek_mm.vision.analysis import ImageAnalysis, VqaPrediction, add_features
from deepseek_mm.vision.colours import Palette
from deepseek_mm.vision.drawings import Drawing
from deepseek_mm.vision.regions import (
    PEOPLE,
    LabelledBox,
    ScoredWord,
    may_be_said,
    merge_places,
    people_in,
    places,
    read_pointer,
    vectors_of,
)
from deepseek_mm.vision.vocabulary import Learned, Vocabulary, read_calibration, read_learned, read_names
from deepseek_mm.vision.vqa import Weights
from deepseek_mm.vision.vqa_net import VqaQuestion
from index import Box, Label, Region, Source

AHEAD = 16  # pictures that the tower looks at while those before them become regions


class Description(Protocol):
    """A description."""

    @property
    def text(self) -> str:
        """One sentence."""


class Describer(Protocol):
    """Says what pictures show."""

    def describe_many(self, images: Iterable[Image]) -> Iterable[Description]:
        """One for each, in order."""


class ClosedVqa(Protocol):
    """Answers closed questions about pictures."""

    def weights_for(self, thing: str, *, named: bool = False) -> Weights:
        """Of its word beside that of others, on whether this thing is there; `named`: it is called by one word."""

    def read_many(self, asked: Sequence[tuple[VqaQuestion, ImageAnalysis]]) -> list[VqaPrediction]:
        """One for each question and its picture."""


class DrawingReader(Protocol):
    """Knows drawings, and what stands in them."""

    def read_drawing(self, vector_D: Floats, image: Image) -> Drawing | None:
        """What a drawing shows; None of other pictures. The vector is the picture's."""

    def answer(self, question: str, drawn: Drawing) -> tuple[str, float]:
        """What is asked about it, answered without a program, or ""; and how probable that is."""


class VisionPipeline:
    """Turns pictures into regions with labels, colours and vectors."""

    def __init__(
        self,
        space: EmbeddingModel,
        config: SeeConfig,
        *,
        names: Sequence[str] = (),
        reader: ClosedVqa | None = None,
        describer: Describer | None = None,
        paper: DrawingReader | None = None,
    ) -> None:
        """`names` are words beside those of labels.txt.

        `reader` answers closed questions, `describer` says in a sentence what is seen, `paper` knows drawings; not
        every space has them.
        """
        self.space, self.config = space, config
        self.reader, self.describer, self.paper = reader, describer, paper
        self.vocabulary = Vocabulary(space, tuple(dict.fromkeys((*read_names(), *names))), read_calibration(space))
        self.learned = read_learned(space)
        self.pointer = read_pointer(space, self.learned, self.vocabulary)

    def see_many(self, pictures: Iterable[ImageAnalysis]) -> Iterator[ImageAnalysis]:
        """The same pictures, in order, with regions and their vectors; each has a source.

        Pictures are drawn, and those that are done are used, while the tower works.
        """
        for some in prefetch_batches(add_features(self.space, pictures), size=AHEAD):
            for picture in some:
                self._add_regions(picture)
                yield picture

    def presence(self, things: Sequence[str], vectors_ND: Floats) -> Floats:
        """(N, T): probability that each picture shows each thing; vectors are those of whole pictures."""
        return self.vocabulary.presence(things, vectors_ND)

    def labels(self, picture: ImageAnalysis) -> tuple[Label, ...]:
        """What the picture is called, best first."""
        if picture.labels is None:
            picture.labels = self.labels_of(picture.look)
        return picture.labels

    def labels_of(self, look: ImageEmbedding) -> tuple[Label, ...]:
        """The same of what the tower sees in it."""
        return tuple(word.label for word in self._name_words(look))

    def drawing(self, picture: ImageAnalysis) -> Drawing | None:
        """What it shows, if it is a drawing and somebody here knows drawings."""
        return picture.drawing(self.paper.read_drawing) if self.paper else None

    def _add_regions(self, picture: ImageAnalysis) -> None:
        source, image, look = picture.source, picture.image, picture.look
        assert source is not None, "regions lie in a file"
        drawn = self.drawing(picture)
        named = [ScoredWord(Label(name=drawn.name, score=1.0), None)] if drawn else self._name_words(look)
        if not drawn:
            picture.labels = tuple(word.label for word in named)
        parts = drawn.parts(source) if drawn else self._parts(source, image, look, named)
        palette = Palette(image)
        whole = Region(
            source=source,
            kind="whole",
            box_px=(0, 0, source.width_px, source.height_px),
            labels=tuple(word.label for word in named),
            colours=palette.names(None),
        )
        regions = [whole]
        for n, place in enumerate(parts):
            painted = (drawn.scene.items[n].traits["colour"],) if drawn else ()
            seen = painted or palette.names(on_image(place.box_px, source, image))
            regions.append(replace(whole, kind="part", box_px=place.box_px, labels=place.labels, colours=seen))
        picture.regions, picture.vectors_ND = tuple(regions), vectors_of(look, parts)

    def _parts(
        self, source: Source, image: Image, look: ImageEmbedding, named: Sequence[ScoredWord]
    ) -> list[LabelledBox]:
        if not self.config.max_parts:
            return []
        people = people_in(source, look, named)
        others = [word for word in named if look.things is None or word.label.name not in PEOPLE]
        return merge_places([*people, *places(source, image, others)])[: self.config.max_parts]

    def _name_words(self, look: ImageEmbedding) -> list[ScoredWord]:
        """Words that hold for the picture, best first; a word that several name counts by the surest."""
        found = [
            ScoredWord(Label(name=tag.name, score=tag.score), tag.heat_HW)
            for tag in look.tags
            if tag.score >= self.config.min_tag
        ]
        if self.learned:
            found += name_learned(self.learned, look, self.config.min_learned)
        found += self._from_texts(look)
        if look.things is not None:
            found = match_people(found, look)
        found = [word for word in found if may_be_said(word.label.name, word.label.score)]
        found.sort(key=lambda word: word.label.score)
        surest = {word.label.name: word for word in found}
        return sorted(surest.values(), key=lambda word: -word.label.score)[: self.config.max_labels]

    def _from_texts(self, look: ImageEmbedding) -> list[ScoredWord]:
        """Words of the vocabulary whose text is alike, those left out that were learned better."""
        better = set(self.learned.names) if self.learned else set()
        fair_L = self.vocabulary.naming(look.vector_D[None])[0]
        chance_L = [adjust_prior(float(fair), self.config.prior) for fair in fair_L]
        names = self.vocabulary.names
        chosen = [n for n, p in enumerate(chance_L) if p >= self.config.min_label and names[n] not in better]
        heat_HWL = self.vocabulary.heat(look.grid_HWD, chosen)
        return [
            ScoredWord(Label(name=names[n], score=chance_L[n]), heat_HWL[..., place]) for place, n in enumerate(chosen)
        ]


def name_learned(learned: Learned, look: ImageEmbedding, least: float) -> list[ScoredWord]:
    """The learned words that are at least that probable."""
    chance_L = learned.chances(look.vector_D[None])[0]
    chosen = [n for n, chance in enumerate(chance_L) if chance >= least]
    heat_HWL = learned.heat(look.grid_HWD, chosen)
    return [
        ScoredWord(Label(name=learned.names[n], score=float(chance_L[n])), heat_HWL[..., place])
        for place, n in enumerate(chosen)
    ]


def match_people(found: Sequence[ScoredWord], look: ImageEmbedding) -> list[ScoredWord]:
    """Without words for people where the tower's finder sees nobody, and with its own word where it sees somebody."""
    things = look.things or ()
    kept = [word for word in found if things or word.label.name not in PEOPLE]
    return kept + [ScoredWord(Label(name=thing.name, score=thing.score), None) for thing in things[:1]]


def on_image(box_px: Box, source: Source, image: Image) -> Box:
    """A box in pixels of the original as a box of the picture in hand, which may be a reduced one; never empty."""
    across, down = image.width / source.width_px, image.height / source.height_px
    left, top = int(box_px[0] * across), int(box_px[1] * down)
    return (left, top, max(left + 1, round(box_px[2] * across)), max(top + 1, round(box_px[3] * down)))
