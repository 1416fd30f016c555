"""`search`: the photos and documents that match words, a picture, or both, best first; or that nothing does."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from deepseek_mm.bundled_files import SETUP
from deepseek_mm.config import Config
from deepseek_mm.errors import BadQuestion
from deepseek_mm.language.search_filters import labels_named
from deepseek_mm.shapes import found_shape
from deepseek_mm.terminal import NOTHING, OK, Command, Desk, add_settings, settings_of
from deepseek_mm.types import Found, Match, Query
from index import Filter, Region
from index.region import at_lines

INSTALL = f"install what reads other languages: {SETUP}"


def query_of(args: Namespace, config: Config) -> Query:
    """What to look for; BadQuestion when nothing is named."""
    text = (args.text or "").strip()
    if not text and args.image is None:
        raise BadQuestion('a search needs words, a picture, or both. Try: python -m deepseek_mm search "a dog"')
    if args.image is None and args.box:
        raise BadQuestion("--box is a part of a picture. Name the picture too: --image FILE --box 0,0,320,240")
    if args.image is None:
        return Query(text=text)
    from deepseek_mm.parse.document import read_photo
    from deepseek_mm.retrieval.heat import cut

    photo = read_photo(args.image, max_pixels=config.parse.max_pixels)
    size = photo.source.width_px, photo.source.height_px
    image = cut(photo.image, args.box, size) if args.box else photo.image
    return Query(text=text, image=image, image_weight=args.weight)


def line(match: Match) -> str:
    """Relevance, file, box and label, of code lines and name; then why, and how many near duplicates it stands for."""
    region = match.region
    notes = [f"because of {', '.join(match.why)}"] if match.why else []
    notes += [f"{len(match.twins)} more like it"] if match.twins else []
    first = f"{match.relevance:.3f}  {place(region)}".rstrip()
    return f"{first}  ({'; '.join(notes)})" if notes else first


def place(region: Region) -> str:
    """ "/a/kite.jpg  0,0,64,48  kite", "/a/app.py:3-9  Assistant.ask"."""
    if region.lines[0]:
        name = region.symbol.path if region.symbol else ""
        return f"{at_lines(region.source.path, region.lines)}  {name}"
    return f"{region.source.path}  {','.join(map(str, region.box_px))}  {region.label}"


def verdict(found: Found) -> str:
    """Whether it is there, and how sure that is."""
    sure = f"certainty {found.certainty:.2f}, {found.threshold:.2f} is needed"
    if found.found:
        return f"found ({sure})"
    return f"nothing found ({sure})" + ("; the nearest are:" if found.matches else "")


def where_of(args: Namespace) -> Filter:
    """Which files the flags allow."""
    formats = (args.type.lower(),) if args.type else ()
    return Filter(collection=args.collection, **labels_named(args.label), formats=formats, folder=args.folder)


def run(args: Namespace, desk: Desk) -> int:
    """Exit code 1 when nothing was found; the nearest are shown all the same."""
    settings = settings_of(args, desk)
    config = settings.config
    query = query_of(args, config)
    with desk.assistant(config, speaks=False, saved=settings.saved_names) as assistant:
        found = assistant.find(query, k=args.k, where=where_of(args))
        known = int(assistant.about()["photos"])
    if args.json:
        desk.give(found_shape(found))
    else:
        desk.note(verdict(found))
    if found.language and not args.json:
        desk.note(
            f"this seems to be {found.language}, and only English can be read here. Say it in English, or {INSTALL}"
        )
    if not args.json:
        tell_matches(found, desk)
    if not known:
        desk.note("this space has no photos yet. Add some with: python -m deepseek_mm index PHOTOS")
        desk.note("or take those that another space of the library knows: python -m deepseek_mm index --rebuild")
    return OK if found.found else NOTHING


def tell_matches(found: Found, desk: Desk) -> None:
    """A line each; before those that are unlikely, where others are not, how many these are."""
    if found.bounds:
        desk.note(f"only: {', '.join(found.bounds)}")
    likely = sum(match.likely for match in found.matches)
    for number, match in enumerate(found.matches):
        if number == likely > 0:
            desk.note(f"{len(found.matches) - likely} more that are unlikely:")
        desk.say(line(match))


def add(parser: ArgumentParser) -> None:
    """The words of `search`."""
    parser.add_argument("text", metavar="TEXT", nargs="?", help="what to look for")
    parser.add_argument("--image", metavar="FILE", type=Path, help="look for what resembles this picture")
    parser.add_argument("--box", metavar="L,T,R,B", type=box, help="only this part of it, in pixels: 0,0,320,240")
    parser.add_argument("--weight", metavar="X", type=float, default=1.0, help="of the picture; words count 1 (1)")
    parser.add_argument("-k", metavar="N", type=count, default=10, help="how many photos or documents (10)")
    parser.add_argument("--collection", metavar="NAME", default="library", help="only what is in it")
    parser.add_argument("--label", metavar="NAME", default="", help="only what shows this")
    parser.add_argument("--type", metavar="NAME", help="only files of this type, such as jpeg, pdf, python")
    parser.add_argument("--folder", metavar="FOLDER", default="", help="only what lies below it")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_settings(parser)


def count(text: str) -> int:
    """A whole number from 1 to 1000; argparse turns the ValueError into its own message."""
    if not 1 <= int(text) <= 1000:
        raise ValueError
    return int(text)


def box(text: str) -> tuple[int, int, int, int]:
    """Left, top, right, bottom. ArgumentTypeError says how they are written."""
    try:
        left, top, right, bottom = map(int, text.split(","))
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no box. Give left, top, right, bottom in pixels: 0,0,320,240") from error
    return left, top, right, bottom


COMMANDS = (
    Command(
        name="search",
        help="find photos and documents by words or by a picture",
        example='python -m deepseek_mm search "two children playing" -k 5',
        add=add,
        run=run,
    ),
)
