"""Questions about one photo: each act to a Draft, by whoever knows that sort of question; `PhotoSkill.routes` says who.

What pixels tell is measured, what is written is read, yes and no and counts are settled by the witnesses of closed
questions, either-or questions choose between what was said, and all others between the members of a category.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from deepseek_mm.answering.claims import build_claims
from deepseek_mm.answering.closed_vqa import Decider
from deepseek_mm.answering.grounder import Grounder
from deepseek_mm.answering.scene_programs import is_drawn
from deepseek_mm.answering.skills.closed_answer import ClosedSkill, things_asked_for
from deepseek_mm.answering.skills.decline import decline
from deepseek_mm.answering.skills.description import describe_photo
from deepseek_mm.answering.skills.measure import answer_measured
from deepseek_mm.answering.skills.named_faces import NamedFaces
from deepseek_mm.answering.skills.open_answer import OpenSkill
from deepseek_mm.answering.skills.photo_turn import PhotoTurn
from deepseek_mm.answering.skills.read import answer_by_text, lexicon, wants_text
from deepseek_mm.config import Config
from deepseek_mm.language.parser import parse
from deepseek_mm.retrieval.evidence import shots_of
from deepseek_mm.types import Act, Draft, Evidence
from deepseek_mm.vision.ocr import TextBlock, TextReader
from deepseek_mm.vision.pipeline import ImageAnalysis, add_features
from deepseek_mm.vision.typical_places import WITH_WRITING

BLANK_RIGHT = 0.95  # how often a picture without contrast shows nothing
Route = Callable[[PhotoTurn], Draft | None]


class PhotoSkill:
    """Answers acts about one photo."""

    def __init__(
        self,
        decider: Decider,
        grounder: Grounder,
        config: Config,
        *,
        reader: TextReader | None = None,
        faces: NamedFaces | None = None,
    ) -> None:
        """`reader` reads what is written in a photo, and `faces` knows who is in it; without them nobody does."""
        self.faces = faces
        self.eyes, self.decider, self.config, self.reader = decider.eyes, decider, config, reader
        self.closed = ClosedSkill(decider, grounder)
        self.open = OpenSkill(decider.eyes)
        self.routes: tuple[Route, ...] = (
            self._measure,
            self._read_text,
            self._name_people,
            self._ask_of_person,
            decline,
            self._describe,
            self._choose,
            self.closed.relate,
            self._locate,
            self._settle,
            self._open,
        )

    def answer(self, act: Act, picture: ImageAnalysis, evidence: Sequence[Evidence]) -> Draft:
        """What there is to say; `evidence` is all of this one photo, the whole picture first."""
        shot = shots_of(evidence, self.config.see.min_tag)[0]
        turn = PhotoTurn(act=act, picture=picture, shot=shot, evidence=tuple(evidence))
        if picture.is_blank:
            return turn.refuse("I can make out nothing in this photo: it is blank or noise", BLANK_RIGHT)
        deque(add_features(self.eyes.space, [picture]), maxlen=0)
        if is_drawn(shot.regions):
            return self._answer_drawing(turn)
        self.eyes.add_detections([picture])
        if any(thing.name in WITH_WRITING for thing in turn.things):
            self.read_lines(picture)  # a sign is where there is writing
        return self._take_route(turn)

    def _take_route(self, turn: PhotoTurn) -> Draft:
        drafts = (route(turn) for route in self.routes)
        return replace(next(draft for draft in drafts if draft is not None), looked=turn.best_look)

    def _measure(self, turn: PhotoTurn) -> Draft | None:
        return answer_measured(turn, self.config)

    def _read_text(self, turn: PhotoTurn) -> Draft | None:
        reads = wants_text(turn) and not things_asked_for(turn)
        return answer_by_text(turn, self.read_lines(turn.picture)) if reads else None

    def _name_people(self, turn: PhotoTurn) -> Draft | None:
        return self.faces.answer(turn.act.text, turn.shot.regions) if self.faces else None

    def _ask_of_person(self, turn: PhotoTurn) -> Draft | None:
        """Somebody whose face is known is looked at as "the person on the left"."""
        person = self.faces.find_person(turn.act.text, turn.shot.regions[0]) if self.faces else None
        return person.show(self._take_route(replace(turn, act=person.hide(turn.act)))) if person else None

    def _describe(self, turn: PhotoTurn) -> Draft | None:
        if turn.act.kind != "describe":
            return None
        return describe_photo(turn, self.open, self.read_lines(turn.picture))

    def _choose(self, turn: PhotoTurn) -> Draft | None:
        return self.closed.choose(turn, self.open)

    def _settle(self, turn: PhotoTurn) -> Draft | None:
        return self.closed.answer(turn, self.open)

    def _locate(self, turn: PhotoTurn) -> Draft | None:
        return self.closed.locate(turn, self.open)

    def _open(self, turn: PhotoTurn) -> Draft | None:
        return self.open.answer(turn, self.read_lines(turn.picture))

    def _answer_drawing(self, turn: PhotoTurn) -> Draft:
        """By its program and its network, as the decider settles it."""
        program = parse(turn.act.text)
        verdict = self.decider.decide_many([(program, turn.picture)])[0]
        claims = build_claims(replace(program, library=False), turn.evidence, self.config, verdict)
        return Draft(claims=claims, evidence=turn.evidence, chance=verdict.chance, grounds="measured", verdict=verdict)

    def read_lines(self, picture: ImageAnalysis) -> tuple[TextBlock, ...]:
        """Its lines of writing, read when somebody first wants them."""
        if picture.lines is None:
            found = self.reader.lines_closely(picture.image, lexicon()) if self.reader else []
            picture.lines = tuple(scale_line(line, picture) for line in found)
        return picture.lines


def scale_line(line: TextBlock, picture: ImageAnalysis) -> TextBlock:
    """Its box in pixels of the original, of which the picture in hand may be a reduced copy."""
    if picture.source is None:
        return line
    across = picture.source.width_px / picture.image.width
    down = picture.source.height_px / picture.image.height
    left, top, right, bottom = line.box_px
    box = (round(left * across), round(top * down), round(right * across), round(bottom * down))
    return replace(line, box_px=box)
