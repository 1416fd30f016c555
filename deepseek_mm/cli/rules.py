"""`rules`: a user's own rules over the photos of the library: which hold where, and the boxes that they rest on."""

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepseek_mm.answering.scene_programs import RULES
from deepseek_mm.logic.rules import BETWEEN, Rule, read_rules
from deepseek_mm.shapes import held_shape, rule_shape
from deepseek_mm.terminal import NOTHING, OK, Command, Desk, add_settings, config_of

if TYPE_CHECKING:
    from deepseek_mm.answering.scene_programs import Checked, Held

EVERY = 5_000  # photos between two lines that say how far it is
BOXES_ONLY = "as far as boxes tell"
CAVEAT = f"{BOXES_ONLY}: a rule knows a photo by its boxes, and what has no box may be there all the same"
HELP = f"""

A rule is a line of FILE: conditions, joined by "and", then what to say where all of them hold.

  near(cup, laptop) -> warn "a cup stands near a laptop"
  exist(motorcycle) and not exist(helmet) -> warn "nobody wears a helmet"
  count(person) > 10 -> note "a crowd"
  # lines that begin so are for people

Conditions are exist(NAME), count(NAME) with < <= = >= > and a number, and
{", ".join(BETWEEN)}
with two names; "not" before one denies it. A name is what a box is called, or a colour; several words stand in quotes.

Only boxes are looked at, and a box counts from see.min_tag (0.3) on. What has no box may be there all the same: rules
with "not", "fewer than" or an exact number hold "{BOXES_ONLY}".

Exit code: 0 no warning holds (notes may), 1 a warning holds somewhere, 2 there is something to mend, such as a rule."""


def run(args: Namespace, desk: Desk) -> int:
    """The rules are read before any model is opened."""
    config = config_of(args, desk)
    if args.engine:
        desk.note("warning: --engine has no effect any more, since rules are checked in one way. Leave it out")
    rules = read_rules(args.file or config.data / RULES)
    counts: Counter[Rule] = Counter()
    photos = 0
    with desk.assistant(config, speaks=False) as assistant:
        every = assistant.check_rules(rules, collection=args.collection)
        for photos, checked in enumerate(every, start=1):
            counts.update(each.rule for each in checked.held)
            (give if args.json else tell)(checked, desk)
            if photos % EVERY == 0:
                desk.note(f"{photos:,} photos checked")
    (give_sums if args.json else tell_sums)(rules, counts, photos, desk)
    return NOTHING if any(rule.kind == "warn" for rule in counts) else OK


def tell(checked: "Checked", desk: Desk) -> None:
    """A photo in which a rule holds, and below it a line for each."""
    if checked.held:
        desk.say(checked.photo.source.path)
    for each in checked.held:
        desk.say(f"  {each.rule.kind}: {each.rule.text}{because(each)}")


def because(held: "Held") -> str:
    """The boxes that it rests on, and whether it rests on what was not seen."""
    boxes = [f"{region.label} {','.join(map(str, region.box_px))}" for region in held.regions]
    reasons = [*boxes, *([BOXES_ONLY] if held.rule.by_absence else [])]
    return f"  ({'; '.join(reasons)})" if reasons else ""


def tell_sums(rules: Sequence[Rule], counts: Counter[Rule], photos: int, desk: Desk) -> None:
    """How often each rule held."""
    desk.say(f"{photo_count(photos)} checked")
    for rule in rules:
        desk.say(f"{counts[rule]:>7,}  {rule.kind}: {rule.text}  (line {rule.line})")
    if any(rule.by_absence for rule in counts):
        desk.note(CAVEAT)


def photo_count(photos: int) -> str:
    return "1 photo" if photos == 1 else f"{photos:,} photos"


def give(checked: "Checked", desk: Desk) -> None:
    """The same for machines."""
    if checked.held:
        desk.give({"path": checked.photo.source.path, "held": [held_shape(each) for each in checked.held]})


def give_sums(rules: Sequence[Rule], counts: Counter[Rule], photos: int, desk: Desk) -> None:
    """The same for machines; it comes last."""
    told: list[dict[str, Any]] = [{**rule_shape(rule), "photos": counts[rule]} for rule in rules]
    desk.give({"photos": photos, "rules": told})


def add(parser: ArgumentParser) -> None:
    """The words of `rules`."""
    parser.description = (parser.description or "") + HELP
    parser.add_argument(
        "file", metavar="FILE", nargs="?", type=Path, help=f"the rules, one a line ({RULES} in the library's folder)"
    )
    parser.add_argument("--collection", metavar="NAME", default="library", help="only photos that are in it")
    parser.add_argument("--engine", choices=("own", "clingo"), help=SUPPRESS)  # of an earlier version
    parser.add_argument(
        "--json", action="store_true", help="JSON: an object a line for each photo with what holds, then one of sums"
    )
    add_settings(parser)


COMMANDS = (
    Command(
        name="rules",
        help="check your own rules over the photos",
        example="python -m deepseek_mm rules examples/rules.txt",
        add=add,
        run=run,
    ),
)
