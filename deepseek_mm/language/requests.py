"""What a request can be about: attributes, parts that are marked in a text, and the situation in which it is said."""

from dataclasses import dataclass
from typing import Literal, get_args

from deepseek_mm.types import ActForm, ActKind, ActScope

KINDS: tuple[ActKind, ...] = get_args(ActKind)
SCOPES: tuple[ActScope, ...] = get_args(ActScope)
FORMS: tuple[ActForm, ...] = get_args(ActForm)
ATTRIBUTES = (
    *("", "colour", "number", "date", "place", "size", "file", "kind", "activity", "person", "text", "time", "reason"),
    *("position", "shape", "material", "price", "age", "weather", "season"),
)
SPANS = (  # parts of a text that are marked: fields of Act and of its filters
    *("subject", "other", "date", "place", "colour", "filekind", "collection", "file", "label", "reference"),
)
Stage = Literal["fresh", "picture", "pictures", "shown", "found", "documents", "code"]
STAGES: tuple[Stage, ...] = get_args(Stage)
OFFERED: dict[Stage, tuple[ActScope, ...]] = {  # scopes that a stage adds to those that are always there
    "fresh": (),
    "picture": ("picture",),
    "pictures": ("picture", "pictures"),
    "shown": ("picture",),
    "found": ("found",),
    "documents": ("found",),
    "code": (),
}
ALWAYS: tuple[ActScope, ...] = ("library", "documents", "code", "conversation")


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """In which something is said."""

    stage: Stage = "fresh"
    # fresh: neither picture nor conversation; picture, pictures: come along now; shown: one came along earlier;
    # found, documents: the last answer named photos of the library, quoted documents; code: asked in the code tab
    before: ActKind | Literal[""] = ""  # kind of the last act that was answered
    has_photos: bool = True  # the library holds any
    has_documents: bool = False
    has_code: bool = False

    def features(self) -> list[float]:
        """As the network reads it: which stage, which kind before, what the library has."""
        stages = [float(self.stage == stage) for stage in STAGES]
        kinds = [float(self.before == kind) for kind in KINDS]
        return [*stages, *kinds, float(self.has_photos), float(self.has_documents), float(self.has_code)]


NUM_FEATURES = len(Situation().features())
