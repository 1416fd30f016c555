"""`train abstain`: when a search may say "nothing found", fitted on captioned photos and on photos with questions.

All photos go into one store, seen by the shipped eyes; a gallery is a filter over it, and what is learned from is what
a search itself hears there (`retrieval`). The questions' photos are none that the space was trained on.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tqdm import tqdm

from deepseek_mm.config import Config
from deepseek_mm.embeddings import open_space
from deepseek_mm.embeddings.detection import read_groups
from deepseek_mm.evaluation.retrieval import find_pictures, read_caption_rows, read_picture
from deepseek_mm.language.words import COLOURS, NO_THINGS
from deepseek_mm.retrieval.certainty import FILE, save_certainty
from deepseek_mm.retrieval.search import Search
from deepseek_mm.train.certainty import mentions, word_counts
from deepseek_mm.train.galleries import Galleries, Told
from deepseek_mm.train.names import read_questions
from deepseek_mm.vision.analysis import ImageAnalysis
from deepseek_mm.vision.pipeline import VisionPipeline
from deepseek_mm.vision.vocabulary import read_names
from index import Source
from index.store import RegionStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train abstain`."""
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument(
        "--questions", type=Path, required=True, help="JSONL file of rows {image, question, answer, split}"
    )
    parser.add_argument("--question-images", type=Path, required=True, help="folder of the photos asked about")
    parser.add_argument("--photos", type=int, default=2000, help="photos looked at, of each of the two files")
    parser.add_argument("--weights", type=Path, default=FILE, help="file to write")


def run(args: argparse.Namespace) -> int:
    """Look, fit, and write the weights."""
    config = Config()
    space = open_space(config.encoder)
    eyes = VisionPipeline(space, config.see)
    captioned = {row.image: " ".join(row.captions) for row in read_caption_rows(args.data, split="train")}
    asked = {image: agreed(pairs) for image, pairs in read_questions(args.questions).items()}
    texts = [*captioned.values(), *asked.values()]
    things, absent = known_things(texts)
    store_of = partial(RegionStore, space_name=space.name, fingerprint=space.fingerprint, dim=space.dim)
    with TemporaryDirectory() as folder, store_of(Path(folder), config=config.index) as store:
        looker = Looker(eyes, store, things, most=args.photos)
        sets = (
            looker.look(args.images, captioned, complete=True),
            looker.look(args.question_images, asked, complete=False),
        )
        search = Search(space, store, eyes, config.rag, certainty=None)
        galleries = Galleries(search, sets, things, absent, counts=word_counts(texts), num_photos=len(texts))
        certainty = galleries.fit()
    args.weights.parent.mkdir(parents=True, exist_ok=True)
    save_certainty(args.weights, space.fingerprint, certainty)
    sys.stdout.write(f"wrote {args.weights}\nthings {certainty.things}\npictures {certainty.pictures}\n")
    return 0


def agreed(pairs: Sequence[tuple[str, str]]) -> str:
    """What questions and answers say is there: a question that was answered with no says nothing."""
    return " ".join(f"{question} {answer}" for question, answer in pairs if answer != "no")


def known_things(texts: Sequence[str]) -> tuple[list[str], list[bool]]:
    """Things to ask for, and which of them may be asked for as absent ones.

    Those are names of everyday things. Of the 22,000 things that ImageNet lists by one word, the ones that the texts
    say are asked for where they are there: elsewhere they may be there all the same, under a better name.
    """
    from timm.data.imagenet_info import ImageNetInfo

    everyday = set(read_names()) | {group.name for group in read_groups()}
    everyday |= {line.split(",")[0].lower() for line in ImageNetInfo("imagenet1k").label_descriptions()}
    lemmas = {word.strip() for line in ImageNetInfo("imagenet22k").label_descriptions() for word in line.split(",")}
    said = set(word_counts(texts))
    plain = {
        word for word in lemmas & said if word.islower() and len(word) > 2 and word not in NO_THINGS | set(COLOURS)
    }
    things = sorted(plain | everyday)
    return things, [thing in everyday for thing in things]


class Looker:
    """Puts photos into the store."""

    def __init__(self, eyes: VisionPipeline, store: RegionStore, things: Sequence[str], *, most: int) -> None:
        self.eyes, self.store, self.things, self.most = eyes, store, things, most

    def look(self, folder: Path, texts: Mapping[str, str], *, complete: bool) -> Told:
        """At most `most` photos, chosen evenly."""
        names = sorted(texts)[:: max(1, len(texts) // self.most)][: self.most]
        paths = find_pictures(folder, names)
        sights = self.eyes.see_many(pictures(paths))
        shown = tqdm(sights, total=len(paths), desc=folder.parent.name, disable=not sys.stderr.isatty())
        ids = [self.store.add(sight.regions[0].source, sight.regions, sight.vectors_ND).id for sight in shown]
        told = tuple(texts[name] for name in names)
        return Told(texts=told, ids=np.array(ids), named_NT=mentions(told, self.things), complete=complete)


def pictures(paths: Sequence[Path]) -> Iterator[ImageAnalysis]:
    """Each with its source."""
    for path in paths:
        image = read_picture(path)
        source = Source(path=str(path.absolute()), width_px=image.width, height_px=image.height)
        yield ImageAnalysis(image, source)
