"""`train kind`: draw documents, screens, plots and drawings, and learn to tell them from photos and product shots, and
garments on product shots from each other.

What is drawn lies in `--out`/drawn and is drawn once. Pictures that are nearly those of `--without` are left out, so
that these can be used for judging. A tenth is held out: the last line says how many of it are told right.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import save_file

from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.evaluation.retrieval import read_picture
from deepseek_mm.training.descriptions.drawn_pictures import draw_pictures
from deepseek_mm.training.feature_maps import cache_array, list_pictures
from deepseek_mm.training.loop import tell_written
from deepseek_mm.vision.picture_kind import KINDS, PHOTO, WEIGHTS, join_features, measure_pixels, softmax

NEARLY = 8  # of 64 bits, by which two pictures may differ and are one
HELD_OUT = 10  # one picture of so many
BALANCE = 0.5  # power of a kind's share by which its pictures count less
PULL = 0.3  # of weights to 0, over all pictures
GARMENT_PULL = 0.033  # of the garments' weights
GARMENTS = {"longsleeve": "long-sleeved top", "t-shirt": "T-shirt", "pants": "trousers", "outwear": "jacket"}
STEPS = 400  # of L-BFGS
Bits = NDArray[np.bool_]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `train kind`."""
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="folders of photos")
    parser.add_argument("--products", type=Path, nargs="+", required=True, help="folders of product shots")
    parser.add_argument("--garments", type=Path, required=True, help="JSONL of rows {image, label} of product shots")
    parser.add_argument("--icons", type=Path, required=True, help="icons.json of @iconify-json/openmoji")
    parser.add_argument("--without", type=Path, default=Path("examples/photos"), help="pictures that are left out")
    parser.add_argument("--most", type=int, default=1_500, help="photos of one folder")
    parser.add_argument("--each", type=int, default=250, help="drawn pictures of each sort")
    parser.add_argument("--out", type=Path, default=Path("runs/kind"))
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="file that is written")


def run(args: argparse.Namespace) -> int:
    """Draw, look, fit, write."""
    known = [hash_picture(path) for path in list_pictures(args.without)]
    folders = [(path, PHOTO) for path in args.photos] + [(path, "product shot") for path in args.products]
    rows = [(path, kind) for folder, kind in folders for path in list_others(folder, known, args.most)]
    photos = [path for path, kind in rows if kind == PHOTO]
    drawn = draw_pictures(args.out / "drawn", icons=args.icons, photos=photos, each=args.each)
    told = (json.loads(line) for line in drawn.read_text(encoding="utf-8").splitlines())
    rows += [(drawn.parent / row["image"], row["kind"]) for row in told]
    space = DefaultSpace()
    features_NF = cache_array(args.out / "features.npy", len(rows), lambda: look_at([path for path, _ in rows], space))
    kind_N = np.array([KINDS.index(kind) for _, kind in rows])
    held_N = np.array([is_held_out(path) for path, _ in rows])
    weight_FK, bias_K = fit_kinds(features_NF[~held_N], kind_N[~held_N], len(KINDS), BALANCE)
    said_N = (features_NF[held_N] @ weight_FK + bias_K).argmax(axis=-1)
    told_right = {name: f"{(said_N == k)[kind_N[held_N] == k].mean():.3f}" for k, name in enumerate(KINDS)}
    names, garment_DL, usual_L = fit_garments(features_NF, [path.name for path, _ in rows], args.garments, space.dim)
    header = {"names": KINDS, "garments": names, "fingerprint": space.fingerprint}
    arrays = {"weight": weight_FK, "bias": bias_K, "garment": garment_DL, "usual": usual_L}
    narrow: dict[str, NDArray[Any]] = {name: array.astype(np.float16) for name, array in arrays.items()}
    save_file(narrow, args.weights, metadata={"kinds": json.dumps(header)})
    tell_written(args.weights, f"{len(rows)} pictures; right of those held out: {told_right}; ")
    return 0


def list_others(folder: Path, known: Sequence[Bits], most: int) -> list[Path]:
    """Pictures of a folder that are none of those that are known; so many, by the digest of their names."""
    paths = sorted(list_pictures(folder), key=lambda path: hashlib.sha256(path.name.encode()).digest())[:most]
    return [path for path in paths if all((hash_picture(path) != other).sum() > NEARLY for other in known)]


def hash_picture(path: Path) -> Bits:
    """(64,): whether it grows brighter to the right, at 8 by 8 places."""
    with Image.open(path) as image:
        grey_89 = np.asarray(image.convert("L").resize((9, 8)), np.int16)
    bits: Bits = (grey_89[:, 1:] > grey_89[:, :-1]).ravel()
    return bits


def is_held_out(path: Path) -> bool:
    """One of ten, by name."""
    return int(hashlib.sha1(path.name.encode()).hexdigest(), 16) % HELD_OUT == 0


def look_at(paths: Sequence[Path], space: DefaultSpace) -> Floats:
    """(N, F): vectors, and figures about the pixels."""
    figures: list[Floats] = []

    def read() -> Iterator[Image.Image]:
        for path in paths:
            image = read_picture(path)
            figures.append(measure_pixels(image))
            yield image

    vectors_ND = space.embed_images(read())
    sys.stderr.write(f"looked at {len(paths)} pictures\n")
    return join_features(vectors_ND, figures)


def fit_garments(features_NF: Floats, files: Sequence[str], labels: Path, dim: int) -> tuple[list[str], Floats, Floats]:
    """Names of garments, and what tells their vectors apart: weights (D, L) and what is added (L,)."""
    rows = (json.loads(line) for line in labels.read_text(encoding="utf-8").splitlines())
    named = {row["image"]: GARMENTS.get(row["label"], row["label"]) for row in rows}
    names, own = sorted(set(named.values())), [n for n, file in enumerate(files) if file in named]
    label_N = np.array([names.index(named[files[n]]) for n in own])
    return (names, *fit_kinds(features_NF[own, :dim], label_N, len(names), 1.0, pull=GARMENT_PULL))


def fit_kinds(
    features_NF: Floats, kind_N: NDArray[np.intp], kinds: int, balance: float, *, pull: float = PULL
) -> tuple[Floats, Floats]:
    """Multinomial logistic regression: weights (F, K) and what is added (K,), by L-BFGS."""
    from scipy.optimize import minimize

    wide = features_NF.shape[1]
    weight_N = (1 / np.bincount(kind_N, minlength=kinds) ** balance)[kind_N]
    weight_N /= weight_N.mean()
    right_NK = np.eye(kinds)[kind_N]

    def lose(flat: Floats) -> tuple[float, Floats]:
        weight_FK, bias_K = flat[:-kinds].reshape(wide, kinds), flat[-kinds:]
        chance_NK = softmax(features_NF @ weight_FK + bias_K)
        over_NK = (chance_NK - right_NK) * weight_N[:, None]
        surprise = -(weight_N * np.log(chance_NK[np.arange(len(kind_N)), kind_N] + 1e-12)).sum()
        slope_FK = features_NF.T @ over_NK + pull * weight_FK
        return surprise + pull / 2 * (weight_FK**2).sum(), np.append(slope_FK.ravel(), over_NK.sum(axis=0))

    flat = minimize(lose, np.zeros((wide + 1) * kinds), jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    return flat[:-kinds].reshape(wide, kinds), flat[-kinds:]
