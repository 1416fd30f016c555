"""`eval people`."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.errors import NothingThere
from deepseek_mm.terminal import Desk, config_of

if TYPE_CHECKING:
    from deepseek_mm.evaluation.people.face_pairs import PeopleReport

BUNDLED = Path("examples/photos")


def score_people(args: Namespace, desk: Desk) -> "PeopleReport":
    """Faces of the bundled photos, or of --images, and how well they are told apart."""
    from deepseek_mm.evaluation.people.face_pairs import evaluate_people, read_counts
    from deepseek_mm.vision.faces.face_reader import read_face_reader

    images = args.images or BUNDLED
    if not images.is_dir():
        raise NothingThere(f"no folder of photos at {images}. Name one with --images")
    desk.note(f"looking for faces in the photos of {images}")
    limit = config_of(args, desk).people.same_person
    return evaluate_people(read_face_reader(), images, read_counts(images), limit=limit)
