"""`train search`: learn how much each witness of a photo counts when words are looked for.

The teaching half of the plain searches is asked of the bundled photos in three guises: as they are, with their names
but without the document that describes them, and under the names that a camera gives. Captions of other people's photos
are asked of these, so that the weights fit what was never described by anybody. A pair of a search and a photo is an
example: right or not. All guises weigh the same, captions less; of the photos that are right for one search all weigh
the same.

Shape key:  P photos, F witnesses, N pairs
"""

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.config import Config
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.evaluation.retrieval import CaptionRow, read_caption_rows
from deepseek_mm.evaluation.search import (
    SEARCHES_FILE,
    SearchRow,
    copy_nameless,
    list_photos,
    open_library,
    read_searches,
)
from deepseek_mm.language.words import content
from deepseek_mm.retrieval.photo_finder import PHOTOS, PhotoFinder
from deepseek_mm.retrieval.subject import SoughtSubject
from deepseek_mm.retrieval.witnesses import FILE, WITNESSES, RelevanceCurve
from deepseek_mm.storage.files import atomic_write
from deepseek_mm.terminal import Desk
from deepseek_mm.training.losses import fit_logistic

OTHERS = 70  # photos of a gallery of captioned ones: as many as are bundled
MOST_SAID = 0.1  # share of the photos of a gallery that may be right for a word out of captions
SEARCHES = 2000.0  # that all examples of one guise weigh: against the pull of weights towards zero
OF_CAPTIONS = 0.3  # of that weigh captions and their words: people search in other words than they describe
UNWEIGHED = "fully"  # witness that would overrule what is seen: a lake is water, and water is a drink
NOT_BELOW_0 = (
    "label",
    "labels",
    "detected",
    "presence",
    "named",
    "read",
    "told",
    "caption",
    "meaning",
    "guess",
    "picture",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardSearch:
    """One search, the witnesses of all photos of a library, and which of these are right."""

    rows_PF: Floats
    right_P: NDArray[np.bool_]


def hear_search(finder: PhotoFinder, row: SearchRow, names: Mapping[str, str], ids: Sequence[int]) -> HeardSearch:
    """Hear every photo; `names` are those that the row uses, by those of the files, where they differ."""
    found = finder.weigh(SoughtSubject(row.text), ids)
    rows_PF = np.array([match.witnesses.row() for match in found], np.float32).reshape(-1, len(WITNESSES))
    right_P = np.array([names.get(match.name, match.name) in row.images for match in found])
    return HeardSearch(rows_PF=rows_PF, right_P=right_P)


def hear_library(finder: PhotoFinder, rows: Sequence[SearchRow], names: Mapping[str, str]) -> list[HeardSearch]:
    """Every search over one library."""
    ids = [source.id for source in finder.store.sources(PHOTOS, limit=finder.num_photos())]
    return [hear_search(finder, row, names, ids) for row in rows]


def hear_captions(finder: PhotoFinder, rows: Sequence[CaptionRow]) -> list[HeardSearch]:
    """Captions, and words of them that few say, over galleries of captioned photos."""
    sources = {source.name: source.id for source in finder.store.sources(PHOTOS, limit=finder.num_photos())}
    heard = []
    for start in range(0, len(rows) - OTHERS + 1, OTHERS):
        gallery = rows[start : start + OTHERS]
        ids = [sources[row.image] for row in gallery]
        heard += [hear_search(finder, asked, {}, ids) for asked in searches_of(gallery)]
    return heard


def searches_of(gallery: Sequence[CaptionRow]) -> Iterator[SearchRow]:
    """Each photo's shortest caption, and each word that some but few of the photos are said to show."""
    said: dict[str, set[str]] = {}
    for row in gallery:
        yield SearchRow(text=min(row.captions, key=len).rstrip(" ."), images=(row.image,))
        for word in {word for caption in row.captions for word in content(caption)}:
            said.setdefault(word, set()).add(row.image)
    for word, images in sorted(said.items()):
        if 1 < len(images) <= MOST_SAID * len(gallery):
            yield SearchRow(text=word, images=tuple(sorted(images)))


def fit_curve(searched: Sequence[Sequence[HeardSearch]], captioned: Sequence[HeardSearch] = ()) -> RelevanceCurve:
    """The weights of all guises, and of captions; a witness for a photo that would count against it does not count."""
    guises, shares = [*searched, captioned], [*[1.0] * len(searched), OF_CAPTIONS]
    x_NF = np.concatenate([each.rows_PF for heard in guises for each in heard]).astype(np.float64)
    right_N = np.concatenate([each.right_P for heard in guises for each in heard])
    weight_N = np.concatenate(
        [
            weights_of(each) * share * SEARCHES / len(heard)
            for heard, share in zip(guises, shares, strict=True)
            for each in heard
        ]
    )
    used = np.array(WITNESSES) != UNWEIGHED
    while True:
        weights_W, offset = fit_logistic(x_NF[:, used], right_N, weight_N)
        weights = dict(zip(np.array(WITNESSES)[used].tolist(), weights_W.tolist(), strict=True))
        wrong = [name for name, weight in weights.items() if weight < 0 and name in NOT_BELOW_0]
        if not wrong:
            break
        used[[WITNESSES.index(name) for name in wrong]] = False
    curve = RelevanceCurve(weights={name: round(w, 3) for name, w in weights.items()}, offset=round(offset, 3))
    chance_N = curve.relevance(x_NF.astype(np.float32))
    return RelevanceCurve(weights=curve.weights, offset=curve.offset, likely=find_likely(chance_N, right_N, weight_N))


def weights_of(heard: HeardSearch) -> NDArray[np.float64]:
    """(P,): the right photos of one search weigh 1 together, each other photo 1."""
    return np.where(heard.right_P, 1 / max(1, int(heard.right_P.sum())), 1.0)


def find_likely(chance_N: Floats, right_N: NDArray[np.bool_], weight_N: NDArray[np.float64]) -> float:
    """The relevance from which the likely ones are as complete as they are right: where F1 is highest."""
    steps = np.linspace(0.05, 0.95, 91)
    kept = [(weight_N * (chance_N >= step)).sum() for step in steps]
    hit = [(weight_N * right_N * (chance_N >= step)).sum() for step in steps]
    f1 = [2 * h / max(1e-9, k + (weight_N * right_N).sum()) for h, k in zip(hit, kept, strict=True)]
    return round(float(steps[int(np.argmax(f1))]), 2)


def describe_fit(curve: RelevanceCurve, heard: Sequence[HeardSearch]) -> str:
    """How many of the searches for what is there have a right photo first, and among three."""
    places = []
    for each in (each for each in heard if each.right_P.any()):
        chance_P = curve.relevance(each.rows_PF)
        places.append(int((chance_P > chance_P[each.right_P].max()).sum()))
    first, three = np.mean(np.array(places) == 0), np.mean(np.array(places) < 3)
    return f"{len(places)} searches: right photo first {100 * first:.1f} %, among three {100 * three:.1f} %"


def save_curve(file: Path, curve: RelevanceCurve) -> None:
    """Write what `read_curve` reads."""
    atomic_write(file, (json.dumps(asdict(curve), indent=1) + "\n").encode())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train search`."""
    parser.add_argument("--searches", type=Path, default=SEARCHES_FILE, help="JSONL of rows {images, text, split}")
    parser.add_argument("--photos", type=Path, default=Path("examples/photos"), help="their photos")
    parser.add_argument("--data", type=Path, required=True, help="JSONL file of rows {image, captions, split}")
    parser.add_argument("--images", type=Path, required=True, help="folder of the rows' photos")
    parser.add_argument("--captioned", type=int, default=420, help="of these photos, of the split dev")
    parser.add_argument("--weights", type=Path, default=FILE, help="file to write")


def run(args: argparse.Namespace) -> int:
    """Index each guise, hear its searches, fit."""
    rows = read_searches(args.searches, split="teach")
    guises = [hear_guise(rows, args.photos, guise) for guise in ("given", "named", "nameless")]
    said = read_caption_rows(args.data, split="dev")
    said = said[:: max(1, len(said) // args.captioned)][: args.captioned]
    captioned = hear_captioned(said, args.images)
    curve = fit_curve(guises, captioned)
    save_curve(args.weights, curve)
    told = "\n".join(describe_fit(curve, heard) for heard in (*guises, captioned))
    sys.stdout.write(f"wrote {args.weights}\n{json.dumps(asdict(curve))}\n{told}\n")
    return 0


def hear_guise(rows: Sequence[SearchRow], photos: Path, guise: str) -> list[HeardSearch]:
    """The searches over the photos as they are, without documents, or without their names."""
    with TemporaryDirectory() as copies:
        folder, names = photos, dict[str, str]()
        if guise == "nameless":
            folder, names = Path(copies), copy_nameless(photos, Path(copies))
        elif guise == "named":
            folder = Path(copies)
            for photo in list_photos(photos):
                shutil.copyfile(photo, folder / photo.name)
        with open_library(folder, Config(), Desk()) as assistant:
            return hear_library(assistant.retriever.search.photos, rows, names)


def hear_captioned(said: Sequence[CaptionRow], images: Path) -> list[HeardSearch]:
    """Captions over the photos that they describe."""
    with TemporaryDirectory() as copies:
        for row in said:
            shutil.copyfile(images / row.image, Path(copies) / row.image)
        with open_library(Path(copies), Config(), Desk()) as assistant:
            return hear_captions(assistant.retriever.search.photos, said)
