"""`eval quant`: every scheme whose file is there, beside the weights as they are."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.cli.desk import Desk
from deepseek_mm.config import cache_folder
from deepseek_mm.errors import ConfigError, NothingThere

if TYPE_CHECKING:
    from deepseek_mm.evaluate.quant import QuantReport, Scheme

TOWERS = ("full", "towers-int8", "towers-dynamic", "towers-qat")
LANGUAGE = ("full", "lm-int8", "lm-fp4")


def measure(args: Namespace, desk: Desk) -> "QuantReport":
    """All schemes of the parts asked for. NothingThere where no file is there."""
    from deepseek_mm.evaluate.quant import QuantReport

    parts = {"towers": towers, "language": language, "path": path}
    chosen = [parts[name] for name in args.parts]
    found = tuple(scheme for part in chosen for scheme in part(args, desk))
    if not any(scheme.name != "full" for scheme in found):
        raise NothingThere("no quantised file yet. Make one with: python -m deepseek_mm quantize --help")
    return QuantReport(schemes=found)


def towers(args: Namespace, desk: Desk) -> "Iterator[Scheme]":
    """The space: recalls over the photos of --data."""
    from deepseek_mm.encoders.default import DefaultSpace
    from deepseek_mm.evaluate.quant import Judge, Scheme, measure_apart
    from deepseek_mm.evaluate.retrieval import read_caption_rows
    from deepseek_mm.runtime.quantization.int8_space import full_bytes, open_quantised

    if args.data_file is None or args.images is None:
        raise ConfigError("--data and --images are missing: captions and photos. Give them, or --parts language")
    rows = read_caption_rows(args.data_file, split=args.split)[: args.photos_of or None]
    judge, whole = Judge(rows, args.images), full_bytes(DefaultSpace().model)
    for name in TOWERS:
        kept = name.replace("dynamic", "int8")
        file = file_of(args, kept)
        if name != "full" and not file.is_file():
            continue
        desk.note(f"scoring {name} on {len(rows)} photos")
        full = name == "full"
        space = DefaultSpace() if full else open_quantised(file, scheme=kept, dynamic=kept != name)
        size = whole if full else file.stat().st_size
        apart = measure_apart("towers", name, file) if args.apart else None
        scores = judge.scores(space, name, beside="towers-int8" if name == "towers-qat" else "")
        yield Scheme(name=name, part="towers", bytes=size, share=size / whole, scores=scores, apart=apart)


def language(args: Namespace, desk: Desk) -> "Iterator[Scheme]":
    """The language model: perplexity over held-out rows of every domain."""
    from deepseek_mm.evaluate.quant import Scheme, measure_apart, score_decoder
    from deepseek_mm.lm.backends.own_model import open_decoder, our_checkpoint
    from deepseek_mm.runtime.quantization.lm_files import full_bytes, open_quantised_lm
    from deepseek_mm.train.corpus import DOMAINS
    from deepseek_mm.train.runs import held_rows

    checkpoint = our_checkpoint(desk.note)
    rows = held_rows(args.corpus or cache_folder() / "corpus", rows=args.rows)
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
        apart = measure_apart("language", name, file) if args.apart else None
        scores = score_decoder(decoder, rows, DOMAINS)
        yield Scheme(name=name, part="language", bytes=size, share=size / whole, scores=scores, apart=apart)


def path(args: Namespace, desk: Desk) -> "Iterator[Scheme]":
    """Questions about photos through everything that looks and reads: as it is, then all of it int8 dynamic."""
    from deepseek_mm.cli.evaluate import decider
    from deepseek_mm.encoders.default import DefaultSpace
    from deepseek_mm.evaluate.quant import Hearing, Scheme
    from deepseek_mm.evaluate.vqa import read_question_rows
    from deepseek_mm.runtime.quantization.dynamic import bytes_of, full_bytes_of, make_dynamic, models_in
    from deepseek_mm.runtime.quantization.int8_space import full_bytes, open_quantised

    if args.questions is None or args.question_images is None:
        raise ConfigError("--questions and --question-images are missing: what is asked. Give them, or other --parts")
    rows = read_question_rows(args.questions, split=args.split)[: args.photos_of or None]
    hearing = Hearing(rows, args.question_images)
    with decider(args, desk) as assistant:
        desk.note(f"asking {len(rows)} questions, twice")
        first = hearing.scores(assistant)
        space, file = assistant.eyes.space, file_of(args, "towers-int8")
        assert isinstance(space, DefaultSpace), "only the default space is quantised"
        beside = [model for model in models_in(assistant.eyes) if model is not space.model]
        whole = full_bytes(space.model) + full_bytes_of(*beside)
        yield Scheme(name="full", part="path", bytes=whole, share=1.0, scores=first)
        space.model = open_quantised(file, dynamic=True).model
        swapped = sum(make_dynamic(model) for model in beside)
        desk.note(f"swapped {swapped} linear layers beside the towers'")
        size = file.stat().st_size + bytes_of(*beside)
        scores = hearing.scores(assistant)
        yield Scheme(name="path-dynamic", part="path", bytes=size, share=size / whole, scores=scores)


def file_of(args: Namespace, scheme: str) -> Path:
    """Where the file of a scheme lies."""
    from deepseek_mm.runtime.quantization.weight_files import cache_file

    return args.files / f"{scheme}.safetensors" if args.files else cache_file(cache_folder(), scheme)


def add(parser: ArgumentParser) -> None:
    """The flags of `eval quant`; --corpus and --rows are those of `eval lm`."""
    group = parser.add_argument_group("quant")
    group.add_argument("--parts", choices=("towers", "language", "path"), nargs="+", default=["towers", "language"])
    group.add_argument("--files", metavar="FOLDER", type=Path, help="where the quantised files lie (the cache folder)")
    group.add_argument("--photos-of", metavar="N", type=int, default=0, help="only the first N photos of the split")
    group.add_argument("--questions", metavar="FILE", type=Path, help="path: JSONL of rows {image, question, answer}")
    group.add_argument("--question-images", metavar="FOLDER", type=Path, help="path: where their pictures lie")
    group.add_argument("--apart", action="store_true", help="speed and peak memory too, each in its own process")
