"""`eval lm`: our language model beside the base that it was made of, run by run, on the same tokens."""

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

MEASURES = ("domains", "long", "needle", "pruning")
BASE = "base"


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


def add_arguments(parser: ArgumentParser) -> None:
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
    from deepseek_mm.training.language_model.runs import open_base, open_run, open_shipped

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
    from deepseek_mm.evaluation.experts import draw_visits
    from deepseek_mm.evaluation.language import evaluate_language
    from deepseek_mm.training.corpus import DOMAINS
    from deepseek_mm.training.language_model.runs import read_held_rows

    report = evaluate_language(models, read_held_rows(args.corpus, rows=args.rows), DOMAINS)
    for reading in report.readings if args.pictures else ():
        if reading.visits:
            draw_visits(reading.visits, args.pictures / f"lm_{Path(reading.name).name}_by_domain.png")
    return report


def score_long_texts(args: Namespace, models: "Mapping[str, Decoder]") -> dict[str, PartReport]:
    """Every model against the first, by length."""
    from deepseek_mm.evaluation.language import LENGTHS, LongReport, count_tokens, score_long
    from deepseek_mm.training.language_model.runs import read_long_texts

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
    from deepseek_mm.training.language_model.runs import read_long_texts

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
