"""What a request can be about: attributes, parts that are marked in a text, and the situation as a network reads it."""

from typing import Literal, get_args

from deepseek_mm.types import ActForm, ActKind, ActScope, Situation

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
# fresh: neither picture nor conversation; picture, pictures: come along now; shown: one came along earlier;
# found, documents: the last answer named photos of the library, quoted documents; code: asked where code is asked about
STAGES: tuple[Stage, ...] = get_args(Stage)
ALWAYS: tuple[ActScope, ...] = ("library", "documents", "code", "conversation")  # scopes that any situation offers


def stage_of(situation: Situation) -> Stage:
    """The one that says most of what words like "it" and "that" may mean."""
    if situation.code or situation.cited_code:
        return "code"
    if situation.pictures:
        return "pictures" if situation.pictures > 1 else "picture"
    if situation.cited_photos:
        return "found"
    if situation.cited_documents:
        return "documents"
    return "shown" if situation.shown else "fresh"


def offered_scopes(situation: Situation, *, later: bool) -> set[ActScope]:
    """That an act can have; `later`: an act of the same turn went before it."""
    scopes: set[ActScope] = {*ALWAYS}
    if situation.pictures or situation.shown:
        scopes.add("picture")
    if situation.pictures > 1:
        scopes.add("pictures")
    if later or situation.cited_photos or situation.cited_documents or situation.cited_code:
        scopes.add("found")
    return scopes


def read_features(situation: Situation) -> list[float]:
    """A situation as the network reads it: which stage, which kind before, what the library has."""
    stage = stage_of(situation)
    kinds = [float(situation.before == kind) for kind in KINDS]
    library = (situation.has_photos, situation.has_documents, situation.has_code)
    return [*(float(stage == each) for each in STAGES), *kinds, *map(float, library)]


NUM_FEATURES = len(read_features(Situation()))
