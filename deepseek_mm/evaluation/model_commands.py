"""`eval lm` and `eval quant` score models beside what they were made of; `quantize` writes weights in fewer bits."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from deepseek_mm.config import cache_folder
from deepseek_mm.errors import ConfigError
from deepseek_mm.terminal import Desk, config_of

if TYPE_CHECKING:
    from deepseek_mm.evaluation.language import LanguageReport, PruningReport
    from deepseek_mm.evaluation.needle import NeedleReport
    from deepseek_mm.lm.decoder import Decoder
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from deepseek_mm.errors import NothingThere
from deepseek_mm.terminal import OK

if TYPE_CHECKING:
    from torch import Tensor

    from deepseek_mm.evaluation.quant import QuantReport, QuantScheme


MEASURES = ("domains", "long", "needle", "pruning")
BASE = "base"
CODE_PARTS = ("lines", "programs")


class PartReport(Protocol):
    """The report of one measure or way."""

    def table(self) -> str:
        """A table for people."""

    def figures(self) -> dict[str, Any]:
        """The figures by name, for machines."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportSet:
    """Reports of several measures or ways, by name."""

    parts: Mapping[str, PartReport]

    def table(self) -> str:
        """One below the other."""
        return "\n\n".join(part.table() for part in self.parts.values())

    def json(self) -> str:
        """All reports as one JSON object."""
        return json.dumps({name: part.figures() for name, part in self.parts.items()})


def add_lm_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `eval lm`."""
    group = parser.add_argument_group("lm")
    group.add_argument(
        "--run",
        metavar="FOLDER",
        dest="runs",
        type=Path,
        action="append",
        default=[],
        help="a run of train lm; again for more",
    )
    group.add_argument(
        "--reach",
        metavar="PATH",
        type=Path,
        help="the run, or file of weights, that experts stand on, if not beside them",
    )
    group.add_argument("--full", metavar="FOLDER", type=Path, help="the run with full attention to compare with")
    group.add_argument("--shipped", action="store_true", help="the weights that come along")
    group.add_argument("--untrained", action="store_true", help="our attention on the base's own weights as well")
    group.add_argument(
        "--scales", metavar="N", type=float, nargs="+", default=[], help="the base again, reading so many times further"
    )
    group.add_argument("--measure", choices=MEASURES, nargs="+", default=list(MEASURES), help="all, if left out")
    group.add_argument("--corpus", metavar="FOLDER", type=Path, help="made by: train corpus")
    group.add_argument("--rows", metavar="N", type=int, default=12, help="domains: rows of 512 tokens of each")
    group.add_argument("--texts", metavar="N", type=int, default=3, help="long, pruning: texts of prose and of code")
    group.add_argument("--lengths", metavar="N", type=int, nargs="+", help="long, needle, pruning: tokens of a text")
    group.add_argument("--depths", metavar="D", type=float, nargs="+", help="needle: 0 at the start, 1 at the end")
    group.add_argument("--pictures", metavar="FOLDER", type=Path, help="folder of the drawings, such as docs/pictures")


def score_models(args: Namespace, desk: Desk) -> ReportSet:
    """Score what --measure names."""
    config, cache = config_of(args, desk), cache_folder()
    args.corpus = args.corpus or cache / "corpus"
    models = open_models(args, config.lm.name, cache)
    parts: dict[str, PartReport] = {}
    for name in args.measure:
        desk.note(f"measuring {name} of {', '.join(models)}")
        if name == "domains":
            parts[name] = score_domains(args, models)
        elif name == "long":
            parts |= score_long_texts(args, models)
        elif name == "pruning":
            parts[name] = score_pruning(args, models)
        else:
            parts[name] = score_needles(args, models, config.lm.name, cache, desk)
    return ReportSet(parts=parts)


def open_models(args: Namespace, name: str, cache: Path) -> "dict[str, Decoder]":
    """The base and what was named, by name; the base comes first, or the run that stands for it."""
    from deepseek_mm.training.language_model import open_base, open_run, open_shipped

    base = open_base(name, cache)
    models = {BASE: open_run(args.full, base)} if args.full else {BASE: base.decoder()}
    models |= {f"base x{scale:g}": base.decoder(scale=scale) for scale in args.scales if scale != 1.0}
    if args.untrained:
        models["untrained"] = base.decoder(progressive=True)
    if args.shipped:
        models["shipped"] = open_shipped(base)
    for folder in args.runs:
        called = folder.name if folder.name not in models else str(folder)
        models[called] = open_run(folder, base, reach=args.reach)
    return models


def score_domains(args: Namespace, models: "Mapping[str, Decoder]") -> "LanguageReport":
    """Held-out perplexity by domain, and what the experts did."""
    from deepseek_mm.evaluation.language import draw_visits, evaluate_language
    from deepseek_mm.training.corpus.items import DOMAINS
    from deepseek_mm.training.language_model import read_held_rows

    report = evaluate_language(models, read_held_rows(args.corpus, rows=args.rows), DOMAINS)
    for reading in report.readings if args.pictures else ():
        if reading.visits:
            draw_visits(reading.visits, args.pictures / f"lm_{Path(reading.name).name}_by_domain.png")
    return report


def score_long_texts(args: Namespace, models: "Mapping[str, Decoder]") -> dict[str, PartReport]:
    """Every model against the first, by length."""
    from deepseek_mm.evaluation.language import LENGTHS, LongReport, count_tokens, score_long
    from deepseek_mm.training.language_model import read_long_texts

    lengths = args.lengths or LENGTHS
    if len(models) < 2:
        raise ConfigError("there is nothing to compare the base with. Name a run, e.g. --run runs/lm/reach")
    texts = read_long_texts(args.corpus, texts=args.texts, length=max(lengths))
    (_, full), *others = ((name, score_long(decoder, texts, lengths)) for name, decoder in models.items())
    tokens = count_tokens(texts, lengths)
    return {
        f"long {name}": LongReport(name=name, full=full, progressive=found, tokens=tokens) for name, found in others
    }


def score_pruning(args: Namespace, models: "Mapping[str, Decoder]") -> "PruningReport":
    """What cutting weak links of attention costs every model."""
    from deepseek_mm.evaluation.language import LENGTH, evaluate_pruning
    from deepseek_mm.training.language_model import read_long_texts

    length = min(args.lengths or [LENGTH])
    return evaluate_pruning(models, read_long_texts(args.corpus, texts=args.texts, length=length))


def score_needles(
    args: Namespace, models: "Mapping[str, Decoder]", name: str, cache: Path, desk: Desk
) -> "NeedleReport":
    """Who finds a number in a long text."""
    from deepseek_mm.evaluation.needle import DEPTHS, LENGTHS, evaluate_needle
    from deepseek_mm.lm.model_folders import find_folder
    from deepseek_mm.lm.tokenizer import read_tokenizer

    tokenizer = read_tokenizer(find_folder(name, cache=cache, progress=desk.note))
    report = evaluate_needle(
        models, tokenizer, lengths=args.lengths or LENGTHS, depths=args.depths or DEPTHS, progress=desk.note
    )
    if args.pictures:
        report.draw(args.pictures / "lm_needle.png")
    return report


EXAMPLE = "python -m deepseek_mm quantize towers-int8 --captions captions.jsonl --images photos"
PHOTOS, ROWS = 256, 4  # that ranges, curvature and sizes are looked at on
EVIDENCE = 5  # times as many rows of evidence as of other domains: the answers that are shown come of it
TOWERS = ("full", "towers-int8", "towers-dynamic", "towers-qat")
LANGUAGE = ("full", "lm-int8", "lm-fp4")


def score_schemes(args: Namespace, desk: Desk) -> "QuantReport":
    """All schemes of the parts asked for. NothingThere where no file is there."""
    from deepseek_mm.evaluation.quant import QuantReport

    parts = {"towers": score_towers, "language": score_language}
    found = tuple(scheme for name in args.parts for scheme in parts[name](args, desk))
    if not any(scheme.name != "full" for scheme in found):
        raise NothingThere("no quantised file yet. Make one with: python -m deepseek_mm quantize --help")
    return QuantReport(schemes=found)


def score_towers(args: Namespace, desk: Desk) -> "Iterator[QuantScheme]":
    """The space: recalls over the photos of --data."""
    from deepseek_mm.embeddings.default import DefaultSpace
    from deepseek_mm.evaluation.quant import QuantScheme, RetrievalJudge
    from deepseek_mm.evaluation.retrieval import read_caption_rows
    from deepseek_mm.training.int8_space import full_bytes, open_quantised

    if args.data_file is None or args.images is None:
        raise ConfigError("--data and --images are missing: captions and photos. Give them, or --parts language")
    rows = read_caption_rows(args.data_file, split=args.split)[: args.photos_of or None]
    judge, whole = RetrievalJudge(rows, args.images), full_bytes(DefaultSpace().model)
    for name in TOWERS:
        kept = name.replace("dynamic", "int8")
        file = file_of(args, kept)
        if name != "full" and not file.is_file():
            continue
        desk.note(f"scoring {name} on {len(rows)} photos")
        full = name == "full"
        space = DefaultSpace() if full else open_quantised(file, scheme=kept, dynamic=kept != name)
        size = whole if full else file.stat().st_size
        yield QuantScheme(name=name, part="towers", bytes=size, share=size / whole, scores=judge.scores(space))


def score_language(args: Namespace, desk: Desk) -> "Iterator[QuantScheme]":
    """The language model: perplexity over held-out rows of every domain."""
    from deepseek_mm.evaluation.quant import QuantScheme, score_decoder
    from deepseek_mm.lm.backends.own_model import open_decoder, our_checkpoint
    from deepseek_mm.runtime.quantization.lm_files import full_bytes, open_quantised_lm
    from deepseek_mm.training.corpus.items import DOMAINS
    from deepseek_mm.training.language_model import read_held_rows

    checkpoint = our_checkpoint(desk.note)
    rows = read_held_rows(args.corpus or cache_folder() / "corpus", rows=args.rows)
    whole = 0
    for name in LANGUAGE:
        file = file_of(args, name)
        if name != "full" and not file.is_file():
            continue
        desk.note(f"scoring {name} on {len(rows)} rows of 512 tokens")
        full = name == "full"
        decoder, _ = open_decoder(checkpoint) if full else open_quantised_lm(checkpoint, file, scheme=name)
        whole = whole or full_bytes(decoder.shape)
        size = whole if full else file.stat().st_size
        scores = score_decoder(decoder, rows, DOMAINS)
        yield QuantScheme(name=name, part="language", bytes=size, share=size / whole, scores=scores)


def file_of(args: Namespace, scheme: str) -> Path:
    """Where the file of a scheme lies."""
    from deepseek_mm.runtime.quantization.weight_files import cache_file

    return args.files / f"{scheme}.safetensors" if args.files else cache_file(cache_folder(), scheme)


def add_code_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `eval code`."""
    group = parser.add_argument_group("code")
    group.add_argument("--what", choices=CODE_PARTS, nargs="+", default=list(CODE_PARTS), help="both, if left out")
    group.add_argument("--first", metavar="N", type=int, default=0, help="only tasks from this number on")
    group.add_argument("--last", metavar="N", type=int, default=10**9, help="only tasks up to this number")
    group.add_argument("--holes", metavar="N", type=int, default=1, help="lines taken out of a solution; 0: every one")
    group.add_argument("--drawn", metavar="N", type=int, default=0, help="programs a task that pass@k is estimated of")
    group.add_argument("--temperature", metavar="T", type=float, default=0.6, help="that they are drawn with")
    group.add_argument("--keep", metavar="FILE", type=Path, help="remember what is done; a later run goes on from it")


def add_quant_arguments(parser: ArgumentParser) -> None:
    """The flags of `eval quant`; --corpus and --rows are those of `eval lm`."""
    group = parser.add_argument_group("quant")
    group.add_argument("--parts", choices=("towers", "language"), nargs="+", default=["towers", "language"])
    group.add_argument("--files", metavar="FOLDER", type=Path, help="where the quantised files lie (the cache folder)")
    group.add_argument("--photos-of", metavar="N", type=int, default=0, help="only the first N photos of the split")


def quantize_towers(args: Namespace, desk: Desk, file: Path) -> Path:
    """Both towers and their heads, int8, calibrated."""
    from deepseek_mm.embeddings.default import DefaultSpace
    from deepseek_mm.evaluation.retrieval import read_caption_rows
    from deepseek_mm.training.int8_space import STATIC, CalibrationSample, calibrate, write_space

    if not args.captions or not args.images:
        raise ConfigError(f"--captions and --images are missing: what ranges are looked at on. E.g. {EXAMPLE}")
    rows = read_caption_rows(args.captions, split="train")
    sample, space = CalibrationSample.of(rows, args.images, count=args.photos), DefaultSpace()
    desk.note(f"looking at {sample.description}")
    recipe = calibrate(space, sample)
    return write_space(
        file, space, recipe, scheme=STATIC, calibrated=sample.description, made=format_command(args, file)
    )


def quantize_language(args: Namespace, desk: Desk, file: Path) -> Path:
    """The language model, FP4 or int8."""
    from deepseek_mm.lm.backends.own_model import open_decoder, our_checkpoint
    from deepseek_mm.runtime.quantization.lm_files import FP4, full_bytes, known_by, tensors_of_fp4, tensors_of_int8
    from deepseek_mm.runtime.quantization.weight_files import QuantizedFileInfo, write_quantized
    from deepseek_mm.training.language_model.error_compensation import fit_fp4, usual_inputs

    batches = read_training_rows(args.corpus or cache_folder() / "corpus", args.rows)
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
        made=format_command(args, file),
        note=note,
    )
    return write_quantized(file, held, told)


def read_training_rows(corpus: Path, rows: int) -> "list[tuple[Tensor, Tensor]]":
    """Some rows of every domain of the training part, more of evidence, in batches: ids and segments."""
    from deepseek_mm.evaluation.language import split_batches
    from deepseek_mm.training.corpus.items import DOMAINS
    from deepseek_mm.training.corpus.token_shards import mix_rows, pack_documents, read_shard

    limits = {name: rows * (EVIDENCE if name == "evidence" else 1) for name in DOMAINS}
    parts = [
        pack_documents(read_shard(corpus, name, "train"), 512, domain=number, limit=limits[name])
        for number, name in enumerate(DOMAINS)
    ]
    return [(ids, segments) for ids, segments, _, _ in split_batches(mix_rows(parts, 0))]


def format_command(args: Namespace, file: Path) -> str:
    """What makes the file again."""
    given = {name: getattr(args, name) for name in ("captions", "images", "photos", "corpus", "rows")}
    flags = " ".join(f"--{name} {value}" for name, value in given.items() if value)
    return f"python -m deepseek_mm quantize {args.scheme} {flags} --out {file}"


MAKERS: dict[str, Callable[[Namespace, Desk, Path], Path]] = {
    "towers-int8": quantize_towers,
    "lm-int8": quantize_language,
    "lm-fp4": quantize_language,
}


def run_quantize(args: Namespace, desk: Desk) -> int:
    """Make the file; say how large it is, and where."""
    from deepseek_mm.runtime.quantization.weight_files import cache_file

    file = desk.cwd / args.out if args.out else cache_file(cache_folder(), args.scheme)
    card = MAKERS[args.scheme](args, desk, file)
    desk.say(f"wrote {file} ({file.stat().st_size:,} bytes), card {card}")
    return OK


def add_quantize_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `quantize`."""
    parser.add_argument("scheme", choices=tuple(MAKERS), help="what, and in which bits")
    parser.add_argument("--out", metavar="FILE", type=Path, help="safetensors (the cache folder, where it is found)")
    parser.add_argument("--captions", metavar="FILE", type=Path, help="towers: JSONL of rows {image, captions, split}")
    parser.add_argument("--images", metavar="FOLDER", type=Path, help="towers: where the rows' photos lie")
    parser.add_argument("--photos", metavar="N", type=int, default=PHOTOS, help=f"towers: how many ({PHOTOS})")
    parser.add_argument("--corpus", metavar="FOLDER", type=Path, help="language model: made by train corpus")
    parser.add_argument(
        "--rows", metavar="N", type=int, default=ROWS, help=f"language model: rows of each domain ({ROWS})"
    )


def add_commands(register: Callable[..., object]) -> None:
    """Register `quantize`."""
    register(
        name="quantize",
        help="quantize towers or language model: weights in four or eight bits, with a card",
        example=EXAMPLE,
        add=add_quantize_arguments,
        run=run_quantize,
    )
