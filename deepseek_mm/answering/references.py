"""Where to look: at the pictures that came with a question, at those spoken of last, or in the library."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from deepseek_mm.answering.uploads import UploadStore, path_of
from deepseek_mm.history import Turn
from deepseek_mm.language.parser import Act, parse, parse_several
from deepseek_mm.retrieval.context import QuestionContext
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.types import Answer, Exchange, Picture, Question
from deepseek_mm.vision.analysis import ImageAnalysis


class ReferenceResolver:
    """Decides what a question is about; knows the pictures that were kept and the names of the library's files."""

    def __init__(self, shelf: UploadStore, retriever: Retriever) -> None:
        self.shelf, self.retriever = shelf, retriever

    def resolve(
        self, question: Question, earlier: Sequence[str], shown: Sequence[str], uploads: Sequence[ImageAnalysis]
    ) -> QuestionContext:
        """The question with its program, and the one photo or the pictures at hand.

        `earlier` are the conversation's questions, oldest first, `shown` the paths of the pictures it spoke of last;
        `uploads` are those that came along now.
        """
        paths = list(dict.fromkeys([path_of(upload) for upload in uploads] or shown))
        if len(paths) > 1:
            return self._of_several(question, earlier, paths, uploads)
        upload = uploads[0] if uploads else None
        program = parse(question.text, earlier=earlier)
        picture = None if upload and program.library else upload or self._talked_about(program, paths)
        return QuestionContext(
            question=question,
            program=replace(program, library=picture is None and not program.file),
            source=picture.source if picture else None,
            analyses=(picture,) if picture else (),
            example=upload if program.library else None,
        )

    def turns_of(self, exchanges: Sequence[Exchange]) -> list[Turn]:
        """What went before as turns, though the history has none of it. Of all pictures only the last ones are kept:
        no other can be meant. BadPicture or NothingThere if one cannot be read.
        """
        last = next((n for n in reversed(range(len(exchanges))) if exchanges[n].pictures), None)
        return [self._turn(exchange, kept=n == last) for n, exchange in enumerate(exchanges)]

    def _turn(self, exchange: Exchange, *, kept: bool) -> Turn:
        first, *more = exchange.pictures if kept else (Picture(),)
        question = Question(
            text=exchange.question,
            image=first.image,
            image_name=first.name,
            image_path=first.path,
            more=tuple(more),
        )
        (pictures,) = self.shelf.place_many([question])
        sources = [picture.source for picture in pictures if picture.source]
        return Turn(
            id=0,
            conversation=0,
            asked_at=datetime.now(UTC),
            question=exchange.question,
            image_name=first.name,
            image_path=sources[0].path if sources else "",
            more=tuple((source.name, source.path) for source in sources[1:]),
            answer=Answer(text=exchange.answer),
            settings={},
            fingerprint="",
        )

    def _of_several(
        self, question: Question, earlier: Sequence[str], paths: Sequence[str], uploads: Sequence[ImageAnalysis]
    ) -> QuestionContext:
        """These pictures, or the ones among them that the question names; or the library, searched with them."""
        meant = parse_several(question.text, [Path(path).name for path in paths], earlier=earlier)
        if meant.program.library and not (uploads or meant.alike):
            return QuestionContext(question=question, program=meant.program)
        known = {path_of(upload): upload for upload in uploads}
        kept = {n: each for n in meant.picks if (each := known.get(paths[n - 1]) or self.shelf.again(paths[n - 1]))}
        analyses = tuple(kept.values())
        sources = tuple(picture.source for picture in analyses if picture.source)
        if meant.program.library or meant.program.absent or len(sources) > 1:
            program = replace(meant.program, places=tuple(kept))
            return QuestionContext(question=question, program=program, pictures=sources, analyses=analyses)
        source = sources[0] if sources else None  # one is meant, or the files of the others are gone
        program = replace(meant.program, given=0, library=source is None)
        return QuestionContext(question=question, program=program, source=source, analyses=analyses)

    def _talked_about(self, program: Act, shown: Sequence[str]) -> ImageAnalysis | None:
        """The photo that a question means without bringing it: a file by its name, or the conversation's picture."""
        if program.file:
            source = self.retriever.find_named(program.file)
            return self.shelf.analyses.get(source) if source else None
        if program.kind == "which" or program.library:
            return None
        return self.shelf.again(shown[0]) if shown else None


def last_shown(earlier: Sequence[Turn]) -> list[str]:
    """Paths of the pictures that the conversation spoke of last."""
    shown = next((turn for turn in reversed(earlier) if turn.image_path), None)
    return [shown.image_path, *(path for _, path in shown.more)] if shown else []
