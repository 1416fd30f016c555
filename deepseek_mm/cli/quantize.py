"""`quantize`: write a model's weights in fewer bits, into a file with a card beside it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.cli.desk import OK, Command, Desk
from deepseek_mm.config import cache_folder
from deepseek_mm.errors import ConfigError

if TYPE_CHECKING:
    from torch import Tensor

PHOTOS, ROWS = 256, 4  # that ranges, curvature and sizes are looked at on
EVIDENCE = 5  # times as many rows of evidence as of other domains: the answers that are shown come of it


def towers(args: Namespace, desk: Desk, file: Path) -> Path:
    """Both towers and their heads, int8, calibrated."""
    from deepseek_mm.encoders.default import DefaultSpace
    from deepseek_mm.evaluate.retrieval import read_caption_rows
    from deepseek_mm.runtime.quantization.int8_space import STATIC, CalibrationSample, calibrate, write_space

    if not args.captions or not args.images:
        raise ConfigError(f"--captions and --images are missing: what ranges are looked at on. E.g. {COMMAND.example}")
    rows = read_caption_rows(args.captions, split="train")
    sample, space = CalibrationSample.of(rows, args.images, count=args.photos), DefaultSpace()
    desk.note(f"looking at {sample.description}")
    recipe = calibrate(space, sample)
    return write_space(file, space, recipe, scheme=STATIC, calibrated=sample.description, made=command_of(args, file))


def language(args: Namespace, desk: Desk, file: Path) -> Path:
    """The language model, FP4 or int8."""
    from deepseek_mm.lm.backends.own_model import open_decoder, our_checkpoint
    from deepseek_mm.runtime.quantization.fit import fit_fp4, usual_inputs
    from deepseek_mm.runtime.quantization.lm_files import (
        FP4,
        full_bytes,
        known_by,
        tensors_of_fp4,
        tensors_of_int8,
    )
    from deepseek_mm.runtime.quantization.weight_files import QuantizedFileInfo, write_quantized

    batches = training_rows(args.corpus or cache_folder() / "corpus", args.rows)
    checkpoint = our_checkpoint(desk.note)
    decoder, _ = open_decoder(checkpoint)
    decoder.eval().requires_grad_(False)
    if args.scheme == FP4:
        held = tensors_of_fp4(decoder, fit_fp4(decoder, batches, desk.note))
        note = (
            "NVFP4: E2M1, an E4M3 scale for 16 weights, a float32 scale for a matrix; each matrix makes good what went"
            " wrong below it, then it is rounded by GPTQ"
        )
    else:
        held = tensors_of_int8(decoder, usual_inputs(decoder, batches))
        note = (
            "weights int8 with a scale an output; inputs int8 with a scale a row, at run time, made even (SmoothQuant);"
            " those of qkv, down and head twice int8"
        )
    told = QuantizedFileInfo(
        scheme=args.scheme,
        base=known_by(checkpoint),
        full_bytes=full_bytes(decoder.shape),
        calibrated=f"{args.rows} rows of 512 tokens of each domain of the corpus's training part, {EVIDENCE} times as"
        " many of evidence",
        made=command_of(args, file),
        note=note,
    )
    return write_quantized(file, held, told)


def training_rows(corpus: Path, rows: int) -> "list[tuple[Tensor, Tensor]]":
    """Some rows of every domain of the training part, more of evidence, in batches: ids and segments."""
    from deepseek_mm.evaluate.language import batches
    from deepseek_mm.train.corpus import DOMAINS, read_shard
    from deepseek_mm.train.rows import mix, pack

    limits = {name: rows * (EVIDENCE if name == "evidence" else 1) for name in DOMAINS}
    parts = [
        pack(read_shard(corpus, name, "train"), 512, domain=number, limit=limits[name])
        for number, name in enumerate(DOMAINS)
    ]
    return [(ids, segments) for ids, segments, _, _ in batches(mix(parts, 0))]


def command_of(args: Namespace, file: Path) -> str:
    """What makes the file again."""
    given = {name: getattr(args, name) for name in ("captions", "images", "photos", "corpus", "rows")}
    flags = " ".join(f"--{name} {value}" for name, value in given.items() if value)
    return f"python -m deepseek_mm quantize {args.scheme} {flags} --out {file}"


MAKERS: dict[str, Callable[[Namespace, Desk, Path], Path]] = {
    "towers-int8": towers,
    "lm-int8": language,
    "lm-fp4": language,
}


def run(args: Namespace, desk: Desk) -> int:
    """Make the file; say how large it is, and where."""
    from deepseek_mm.runtime.quantization.weight_files import cache_file

    file = desk.cwd / args.out if args.out else cache_file(cache_folder(), args.scheme)
    card = MAKERS[args.scheme](args, desk, file)
    desk.say(f"wrote {file} ({file.stat().st_size:,} bytes), card {card}")
    return OK


def add(parser: ArgumentParser) -> None:
    """The words of `quantize`."""
    parser.add_argument("scheme", choices=tuple(MAKERS), help="what, and in which bits")
    parser.add_argument("--out", metavar="FILE", type=Path, help="safetensors (the cache folder, where it is found)")
    parser.add_argument("--captions", metavar="FILE", type=Path, help="towers: JSONL of rows {image, captions, split}")
    parser.add_argument("--images", metavar="FOLDER", type=Path, help="towers: where the rows' photos lie")
    parser.add_argument("--photos", metavar="N", type=int, default=PHOTOS, help=f"towers: how many ({PHOTOS})")
    parser.add_argument("--corpus", metavar="FOLDER", type=Path, help="language model: made by train corpus")
    parser.add_argument(
        "--rows", metavar="N", type=int, default=ROWS, help=f"language model: rows of each domain ({ROWS})"
    )


COMMAND = Command(
    name="quantize",
    help="quantize towers or language model: weights in four or eight bits, with a card",
    example="python -m deepseek_mm quantize towers-int8 --captions captions.jsonl --images photos",
    add=add,
    run=run,
)
