"""`models use`: another model answers or orders; of a running server at once, else from the next start on."""

import time
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from deepseek_mm.cli.hosts import explain_errors, remote_of
from deepseek_mm.config import Config
from deepseek_mm.errors import ServerError
from deepseek_mm.settings_file import SettingsFile, value_of, with_values
from deepseek_mm.terminal import NOTHING, OK, Desk, flags_of

if TYPE_CHECKING:
    from deepseek_mm.api.local_server import Server

LOOK_S = 0.5  # between two looks whether the server has exchanged them
REPLY_S = 30.0  # that the server may take to answer one request


def use_model(args: Namespace, config: Config, desk: Desk) -> int:
    """Exit code 0 when it answers, 1 when the one before it stays. BadQuestion or what opening raises says why."""
    from deepseek_mm.api.local_server import (  # here, because a list of models must not wait for it
        ServerGone,
        find_server,
    )

    (name,) = args.what
    if remote := remote_of(args, desk):
        with explain_errors(remote):
            return ask_to_use(remote, name, desk)
    server = find_server(config.data)  # whatever it was told to use since its start
    if server is None:
        return keep_for_next_start(args, config, desk)
    try:
        return ask_to_use(server, name, desk)
    except ServerGone as error:
        raise ServerError(f"the server of this library went away ({error}). Start it again, and then this") from error


def keep_for_next_start(args: Namespace, config: Config, desk: Desk) -> int:
    """Open it here, ask it something, and keep it in the settings."""
    from deepseek_mm.factory import make_folder  # here, because a list of models must not wait for torch
    from deepseek_mm.services.model_exchange import choose_model, ranker_setting

    (name,) = args.what
    choice = choose_model(name)
    wanted, setting = with_values(config, choice), ranker_setting(choice)
    desk.note(f"opening {name}")
    said = try_order(wanted, setting) if setting else try_answer(wanted)
    make_folder(config.data)  # of a library that was not opened yet
    SettingsFile(flags_of(args), environ=desk.environ, cwd=desk.cwd).write(choice)
    desk.say(f"{name} {'orders what is found' if setting else 'answers'} from the next start on. {said}".strip())
    return OK


def try_answer(wanted: Config) -> str:
    """What the language model of these settings says; "" where there is none."""
    from deepseek_mm.models.speakers import open_beside  # as above
    from deepseek_mm.runtime.hardware import probe
    from deepseek_mm.runtime.planner import choose
    from deepseek_mm.services.model_exchange import try_speaker

    silent = wanted.lm.name == "none" and not wanted.lm.vlm
    return "" if silent else try_speaker(open_beside(wanted, choose(probe(engines=False))))


def try_order(wanted: Config, setting: str) -> str:
    """What the model that orders, which this setting names, does with the built-in question; "" without a model."""
    from deepseek_mm.hub import Revisions  # as above
    from deepseek_mm.lm.generator import silence
    from deepseek_mm.models.rankers import open_ranker, try_ranker
    from deepseek_mm.runtime.hardware import probe
    from deepseek_mm.runtime.planner import choose

    find, plan = Revisions(wanted.data).pin, choose(probe(engines=False))
    score = open_ranker(str(value_of(wanted, setting)), plan=plan, find=find, say=silence)
    return try_ranker(score, setting) if score else ""


def ask_to_use(server: "Server", name: str, desk: Desk) -> int:
    """Have the server exchange them, and wait for it. ServerError says what it refused."""
    desk.note(f"the server at {server.url} opens {name} beside what works there now")
    state = request_use(server, name)
    while state["step"] in ("opening", "trying"):
        time.sleep(LOOK_S)
        state = request_use(server)
    desk.say(f"{state['name']} is used now. {state['message']}" if state["step"] == "done" else state["message"])
    return OK if state["step"] == "done" else NOTHING


def request_use(server: "Server", name: str = "") -> dict[str, Any]:
    """How the exchange stands, begun with a name."""
    from deepseek_mm.api.local_server import request_json  # as above

    sent = {"name": name} if name else None
    return request_json(server, "POST" if name else "GET", "/models/use", sent, wait_s=REPLY_S)
