"""`search`: the regions nearest to words, to a picture, or to both, best first."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deepseek_mm.cli.desk import NOTHING, OK, Command, Desk
from deepseek_mm.cli.flags import add_settings, config_of
from deepseek_mm.cli.shapes import hits_shape
from deepseek_mm.config import Config
from deepseek_mm.errors import BadQuestion
from deepseek_mm.records import Query
from index import Hit


def query_of(args: Namespace, config: Config) -> Query:
    """What to look for; BadQuestion when nothing is named."""
    text = (args.text or "").strip()
    if not text and args.image is None:
        raise BadQuestion('a search needs words, a picture, or both. Try: python -m deepseek_mm search "a dog"')
    if args.image is None:
        return Query(text=text)
    from deepseek_mm.parse.photo import read_photo

    return Query(text=text, image=read_photo(args.image, max_pixels=config.parse.max_pixels).image)


def line(hit: Hit) -> str:
    """Score, file, box, label."""
    region = hit.region
    return f"{hit.score:.3f}  {region.source.path}  {','.join(map(str, region.box_px))}  {region.label}".rstrip()


def run(args: Namespace, desk: Desk) -> int:
    """Exit code 1 when nothing was found."""
    config = config_of(args, desk)
    query = query_of(args, config)
    with desk.assistant(config, speaks=False) as assistant:
        (hits,) = assistant.search_many([query], k=args.k)
        known = int(assistant.about()["photos"])
    if args.json:
        desk.give(hits_shape(hits))
    for hit in [] if args.json else hits:
        desk.say(line(hit))
    if not known:
        desk.note("this space has no photos yet. Add some with: python -m deepseek_mm index PHOTOS")
        desk.note("or take those that another space of the library knows: python -m deepseek_mm index --rebuild")
    return OK if hits else NOTHING


def add(parser: ArgumentParser) -> None:
    """The words of `search`."""
    parser.add_argument("text", metavar="TEXT", nargs="?", help="what to look for")
    parser.add_argument("--image", metavar="FILE", type=Path, help="look for what resembles this picture")
    parser.add_argument("-k", metavar="N", type=count, default=10, help="how many regions (10)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


def count(text: str) -> int:
    """A whole number from 1 to 1000; argparse turns the ValueError into its own message."""
    if not 1 <= int(text) <= 1000:
        raise ValueError
    return int(text)


COMMAND = Command(
    name="search",
    help="find regions of photos by words or by a picture",
    example='python -m deepseek_mm search "two children playing" -k 5',
    add=add,
    run=run,
)
