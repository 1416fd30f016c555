"""`models`: the catalogue of models with what fits this machine, and the commits of those that a library uses.

Neither torch nor the hub's package is waited for before a word needs it: a list is there at once, without a network.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from itertools import groupby
from textwrap import fill

from deepseek_mm.cli.hosts import add_host
from deepseek_mm.cli.model_downloads import download_model, give_token, remove_model
from deepseek_mm.cli.model_servers import list_servers, try_server
from deepseek_mm.cli.model_trial import try_model
from deepseek_mm.cli.model_use import use_model
from deepseek_mm.cli.words import Subcommand, choose_subcommand, describe_subcommands
from deepseek_mm.config import Config
from deepseek_mm.errors import BadQuestion
from deepseek_mm.hub import Revisions
from deepseek_mm.hub.cache import cache_root
from deepseek_mm.models.catalogue import Kind
from deepseek_mm.models.fit import show_mb
from deepseek_mm.models.states import CardState, CatalogueReader
from deepseek_mm.runtime.hardware import probe
from deepseek_mm.terminal import OK, Command, Desk, add_settings, config_of

HEADINGS: dict[Kind, str] = {
    "vlm": "look at pictures and answer (--vlm)",
    "lm": "phrase answers (--model)",
    "space": "find pictures by words (--encoder)",
    "text": "encode texts, and so order what was found (rag.reranker)",
    "code": "encode code, and so order what was found (rag.code_reranker)",
    "reranker": "order what was found (rag.reranker)",
}
NOT_RUN = "not run here: the project has not tried these weights itself"
WIDTH = 100  # letters of a line


def reader_of(config: Config) -> CatalogueReader:
    """The catalogue for this library on this machine."""
    revisions = Revisions(config.data).all()
    return CatalogueReader(hardware=probe(engines=False), cache=cache_root(), revisions=revisions)


def list_models(args: Namespace, config: Config, desk: Desk) -> int:
    """The commits that this library uses, then one model of the catalogue a line, by what it is for."""
    reader = reader_of(config)
    states = reader.list_states()
    best = next((state for state in states if state.recommended), None)
    if args.json:
        used = [{"name": name, "revision": revision} for name, revision in reader.revisions.items()]
        rows = [state.as_json() for state in states]
        desk.give({"models": used, "catalogue": rows, "recommended": best.card.id if best else None})
        return OK
    for name, revision in reader.revisions.items():
        desk.say(f"{revision}  {name}")
    if not reader.revisions:
        desk.note("no model of a hub was used here yet; the first start with one keeps its revision")
    for line in describe_list(states):
        desk.say(line)
    if best:
        desk.note(
            f"\nBetter answers: {show_mb(best.card.disk_mb)}. See: python -m deepseek_mm models show {best.card.id}"
        )
    return OK


def describe_list(states: list[CardState]) -> Iterator[str]:
    """A heading for each kind, then its models."""
    width = max(len(state.card.id) for state in states)
    for kind, group in groupby(states, key=lambda state: state.card.kind):
        yield f"\nModels that {HEADINGS[kind]}"
        for state in group:
            yield f"  {state.card.id:<{width}}  {show_mb(state.card.disk_mb):>7}  {tell_state(state)}"


def tell_state(state: CardState) -> str:
    """What matters most of it, in a few words."""
    told = ["installed"] if state.installed else []
    told += ["fits" if state.fit.fits else "too large"]
    told += ["recommended"] if state.recommended else []
    told += ["local server only"] if state.card.run_by == "server" else []
    return ", ".join(told)


def show_model(args: Namespace, config: Config, desk: Desk) -> int:
    """Everything about one model of the catalogue."""
    (name,) = args.what
    state = reader_of(config).find_state(name)
    if args.json:
        desk.give(state.as_json())
        return OK
    desk.say(f"{state.card.title}: {state.card.id}")
    desk.say(fill(state.card.good_for + ".", WIDTH))
    for term, told in describe_model(state):
        desk.say(f"  {term:<10} {told}")
    return OK


def describe_model(state: CardState) -> Iterator[tuple[str, str]]:
    """Terms and what they are."""
    card, fit = state.card, state.fit
    yield "this one", f"{'fits' if fit.fits else 'too large'}: {fit.reason}"
    disk, all_disk = show_mb(card.disk_mb), show_mb(state.disk_needed_mb)
    yield "disk", disk if disk == all_disk else f"{disk} to download, {all_disk} in all"
    yield "memory", ", ".join(f"{way} {show_mb(size)}" for way, size in card.memory_mb.items())
    accept = f"; accept it at {card.url} first" if card.asks_acceptance else ""
    yield "licence", f"{card.license}, {card.license_url}{accept}"
    yield "languages", " ".join(card.languages)
    yield "instead of", card.replaces
    runs = {"own": "by the project's own decoder", "server": "by a local server only, such as Ollama"}
    yield "run", runs.get(card.run_by, "by transformers") + (f", as {card.setting}" if card.setting else "")
    yield "here", f"{'installed' if state.installed else 'not here'}, {state.revision or 'no revision kept yet'}"
    for figure in card.figures:
        yield "published", f"{figure.name}: {figure.value:g} ({figure.source})"
    if not card.run_here:
        yield "tried", NOT_RUN


def update_model(args: Namespace, config: Config, desk: Desk) -> int:
    """Fetch the newest revision whole, then keep it for the next start."""
    from deepseek_mm.models import model_cache  # here, because a list must not wait for what downloads

    (name,) = args.what
    before, now = model_cache.update_model(name, config, desk.environ, desk.note)
    same = before == now
    desk.say(f"{name} stays at {now}" if same else f"{name} goes from {before or 'none'} to {now} with the next start")
    return OK


MODEL_WORDS = {
    "list": Subcommand(help="the models of the catalogue, and the commits of those that are used", run=list_models),
    "show": Subcommand(help="all about one model of the catalogue", takes="NAME", run=show_model),
    "download": Subcommand(help="fetch a model, or go on with it", takes="NAME", run=download_model),
    "try": Subcommand(help="compare a model with the one that answers", takes="NAME", run=try_model),
    "use": Subcommand(
        help="have a model answer or order what is found, after it was tried", takes="NAME", run=use_model
    ),
    "remove": Subcommand(help="delete a model from this machine", takes="NAME", run=remove_model),
    "token": Subcommand(help="keep the token for models that are not for everybody", run=give_token),
    "servers": Subcommand(help="model servers of this machine, such as Ollama, with their models", run=list_servers),
    "try-server": Subcommand(help="ask a model of one for a word, a colour, a tool", takes="URL MODEL", run=try_server),
    "update": Subcommand(help="take the newest commit of a model", takes="NAME", run=update_model),
}


def run_models(args: Namespace, desk: Desk) -> int:
    """BadQuestion when a word lacks what it needs, or has too much."""
    if args.host and args.word != "use":
        raise BadQuestion(
            f"models {args.word} is about this machine. Another one can be told: models use NAME --host URL"
        )
    return choose_subcommand("models", args.word, MODEL_WORDS, args.what).run(args, config_of(args, desk), desk)


def add_models(parser: ArgumentParser) -> None:
    """The words of `models`."""
    parser.add_argument("word", metavar="WORD", choices=tuple(MODEL_WORDS), help=describe_subcommands(MODEL_WORDS))
    parser.add_argument("what", metavar="NAME", nargs="*", help="OWNER/MODEL, as WORD needs")
    parser.add_argument("--accept", action="store_true", help="you have read and accepted the terms of a model")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    add_host(parser)
    add_settings(parser)


COMMANDS = (
    Command(
        name="models",
        help="see models that can take the place of the packaged ones, and update those that came from a hub",
        example="python -m deepseek_mm models show HuggingFaceTB/SmolVLM-256M-Instruct",
        add=add_models,
        run=run_models,
    ),
)
