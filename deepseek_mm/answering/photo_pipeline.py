"""Questions about photos: their evidence, what the witnesses settle, and the claims that follow; many together.

Over the library the nearest photos are found; of one photo at hand its parts are the evidence, closed questions are
settled, and things that are asked for are looked for once more. A question that can be a program over the boxes is
worked out as one, too.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path

from PIL.Image import Image

from deepseek_mm.answering.claims import build_claims
from deepseek_mm.answering.closed_vqa import SETTLED, Decider
from deepseek_mm.answering.grounder import Grounder
from deepseek_mm.answering.scene_programs import is_drawn, run_question, translate_question
from deepseek_mm.answering.uploads import path_of
from deepseek_mm.config import Config
from deepseek_mm.errors import BadFile, NothingThere
from deepseek_mm.language.words import lead
from deepseek_mm.lm.generator import Generator, YesNoModel
from deepseek_mm.logic.english import program_of
from deepseek_mm.retrieval.evidence import QuestionContext
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.stage_clock import in_stage, note_picture
from deepseek_mm.types import Evidence
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from index import Source

WORKED = frozenset(["exist", "count", "colour", "compare"])  # those that may become programs by the language model
PLACED = frozenset(["where", "compare"])  # and those that are answered with the place of a thing


def open_image(picture: ImageAnalysis) -> Image | None:
    """The pixels, if the file can be read."""
    with suppress(NothingThere, BadFile):  # it went, or it is code
        return picture.image
    return None


class PhotoPipeline:
    """Looks up questions about photos. Everything it uses is handed in."""

    def __init__(
        self,
        config: Config,
        *,
        eyes: VisionPipeline,
        retriever: Retriever,
        lm: Generator,
        read_text: Callable[[Source], object],
    ) -> None:
        """`read_text` reads the text of a photo into the store, where that was not done yet."""
        self.config, self.eyes, self.retriever, self.lm, self.read_text = config, eyes, retriever, lm, read_text
        self.decider = Decider(eyes, lm if isinstance(lm, YesNoModel) else None)
        self.finger = Grounder(eyes, self.decider, config)

    def with_config(self, config: Config, retriever: Retriever) -> "PhotoPipeline":
        """The same with other numbers."""
        other = copy(self)
        other.config, other.retriever = config, retriever
        return other

    def with_language_model(self, config: Config, lm: Generator) -> "PhotoPipeline":
        """The same with another language model."""
        return PhotoPipeline(config, eyes=self.eyes, retriever=self.retriever, lm=lm, read_text=self.read_text)

    def look_up_many(self, cases: Sequence[QuestionContext]) -> list[QuestionContext]:
        """Each case with its evidence, its verdict and its claims."""
        for case in cases:
            self._read(case)
        found = self.retriever.retrieve_many(cases, k=self.config.rag.num_regions)
        return self._look_at(cases, found)

    @in_stage("looked")
    def _look_at(self, cases: Sequence[QuestionContext], found: Sequence[Sequence[Evidence]]) -> list[QuestionContext]:
        """What was found, as it looks."""
        found = [self._judge_pictures(case, entries) for case, entries in zip(cases, found, strict=True)]
        pairs = enumerate(zip(cases, found, strict=True))
        looked = {n: picture for n, (c, entries) in pairs if (picture := self._looked_at(c, entries)) is not None}
        cases = self._decide_closed(cases, found, looked)
        pointed = [*found]
        for n, picture in looked.items():
            note_picture(Path(path_of(picture)).name)
            pointed[n] = self.finger.point(cases[n], picture, found[n])
        claims = [
            build_claims(c.program, entries, self.config, c.verdict) for c, entries in zip(cases, pointed, strict=True)
        ]
        full = [replace(c, evidence=tuple(e), claims=f) for c, e, f in zip(cases, pointed, claims, strict=True)]
        return [self._run_as_program(case) for case in full]

    def _decide_closed(
        self, cases: Sequence[QuestionContext], found: Sequence[Sequence[Evidence]], looked: Mapping[int, ImageAnalysis]
    ) -> list[QuestionContext]:
        """With a verdict for each closed question about one photo whose file is still there."""
        if self.eyes.reader is None:
            return list(cases)
        asked = {n: picture for n, picture in looked.items() if self._is_closed(cases[n], found[n])}
        verdicts = self.decider.decide_many([(cases[n].program, picture) for n, picture in asked.items()])
        verdict_of = dict(zip(asked, verdicts, strict=True))
        return [replace(case, verdict=verdict_of.get(n)) for n, case in enumerate(cases)]

    def _judge_pictures(self, case: QuestionContext, entries: Sequence[Evidence]) -> list[Evidence]:
        """With how probable each thing is in each of several pictures at hand, as it would be settled of one."""
        things = [thing.phrase for thing in case.program.things]
        if not things or len(case.pictures) < 2 or case.program.library or self.eyes.reader is None:
            return list(entries)
        opened = {path_of(picture): picture for picture in case.analyses if open_image(picture) is not None}
        for path in opened:
            note_picture(Path(path).name)
        return self.decider.judge_presence(entries, things, opened)

    def _run_as_program(self, case: QuestionContext) -> QuestionContext:
        """With the question as a program, where it is about one photo and can be one."""
        if case.source is None or case.source.kind != "photo" or case.program.library or not case.evidence:
            return case
        answer = case.verdict.answer if case.verdict else "".join(lead(claim.text) for claim in case.claims[:1])
        regions, text = case.evidence[0].siblings, case.program.text
        least = self.config.see.min_tag
        translate = partial(translate_question, lm=self.lm) if case.program.kind in WORKED else None
        return replace(case, worked=run_question(text, regions, answer, least=least, translate=translate))

    def _is_closed(self, case: QuestionContext, evidence: Sequence[Evidence]) -> bool:
        """Is it a question that witnesses settle, by its kind or by its program over a drawing?"""
        drawn = bool(evidence) and is_drawn(evidence[0].siblings)
        return case.program.kind in SETTLED or (drawn and program_of(case.program.text) is not None)

    def _looked_at(self, case: QuestionContext, evidence: Sequence[Evidence]) -> ImageAnalysis | None:
        """The photo that a closed question is about, or one that asks where a thing is."""
        if case.source is None or case.program.library or case.source.kind != "photo":
            return None
        if case.program.kind not in PLACED and not self._is_closed(case, evidence):
            return None
        measured = case.program.kind == "colour" and not case.program.things  # of the whole picture
        (picture,) = case.analyses
        return None if measured or open_image(picture) is None else picture

    def _read(self, case: QuestionContext) -> None:
        """Look for text in the pictures at hand, where the question asks for it."""
        if case.program.kind == "read" and not case.program.library:
            for source in case.pictures or [source for source in [case.source] if source]:
                self.read_text(source)
