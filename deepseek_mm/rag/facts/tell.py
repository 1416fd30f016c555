"""How a claim is put: which photo it speaks of, and how sure it sounds."""

from collections.abc import Sequence
from dataclasses import dataclass

from deepseek_mm.config import Config
from deepseek_mm.language.grammar import ThingPhrase
from deepseek_mm.language.parser import Act
from deepseek_mm.rag.facts.shots import PhotoEvidence


@dataclass(frozen=True, slots=True)
class Teller:
    """Turns of phrase for one question."""

    program: Act
    config: Config

    @property
    def needs_name(self) -> bool:
        """Must a sentence say which photo it means?"""
        return self.program.library or bool(self.program.file) or bool(self.program.given)

    def inside(self, shot: PhotoEvidence) -> str:
        return f"in {shot.name}" if self.needs_name else "in this photo"

    def subject(self, shot: PhotoEvidence) -> str:
        return shot.name if self.needs_name else "This photo"

    def there(self, shot: PhotoEvidence, thing: ThingPhrase) -> bool:
        """Is it likely enough to speak of? A label may be less sure than a bare likeness."""
        labelled = shot.has_names([thing], any_of=True)
        return shot.chance(thing) >= (self.config.see.min_tag if labelled else self.config.rag.min_presence)

    def probably(self, chance: float) -> str:
        """An empty string where it is sure."""
        return "" if chance >= self.config.rag.sure else "probably "

    def shape(self, name: str, chance: float) -> str:
        """A claim keeps its shape, so that a model may phrase it, if it names no file and has no doubt."""
        return "" if self.needs_name or chance < self.config.rag.sure else name

    def numbers(self, shot: PhotoEvidence, things: Sequence[ThingPhrase]) -> tuple[int, ...]:
        """Of the boxes that show the things, or of the photo where none does."""
        boxes = [(shot.parts_with_colour(thing) or shot.parts(thing))[:1] for thing in things]
        return tuple(dict.fromkeys(shot.number(box[0]) if box else shot.whole for box in boxes))
