"""`models servers` and `models try-server`: model servers of this machine, and what their models can."""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from deepseek_mm.config import Config
from deepseek_mm.models.fit import show_mb
from deepseek_mm.terminal import NOTHING, OK, Desk

if TYPE_CHECKING:
    from deepseek_mm.models.local_servers import OfferedModel
    from deepseek_mm.models.server_trials import ServerState, TrialResult

MB = 10**6  # bytes
USUAL = "Ollama, llama.cpp, LM Studio or vLLM"


def list_servers(args: Namespace, config: Config, desk: Desk) -> int:
    """A server, then one of its models a line, with what it can."""
    from deepseek_mm.models.server_trials import list_states  # here, because a list of models must not wait for it

    states = list_states(config.data)
    if args.json:
        desk.give({"servers": [state.as_json() for state in states]})
        return OK
    for state in states:
        version = f" {state.server.version}" if state.server.version else ""
        desk.say(f"{state.server.kind}{version} at {state.server.url}")
        for line in describe_offered(state):
            desk.say(line)
    if not states:
        desk.note(f"no model server on this machine. Start {USUAL} on its usual port, then look again")
    return OK if states else NOTHING


def describe_offered(state: "ServerState") -> Iterator[str]:
    """One model a line."""
    width = max((len(model.name) for model in state.server.models), default=0)
    for model in state.server.models:
        yield f"  {model.name:<{width}}  {', '.join(tell_abilities(model, state.results.get(model.name)))}"


def tell_abilities(model: "OfferedModel", result: "TrialResult | None") -> Iterator[str]:
    """What is known of it, in a few words; what a trial showed comes before what its server says."""
    says = {"vision": model.sees, "tools": model.uses_tools, "embedding": model.embeds}
    tried = {trial.ability: trial.works for trial in result.trials} if result else {}
    for ability, told in (says | tried).items():
        if told is not None and (told or ability in tried):
            yield f"{ability}{'' if told else ' fails'}{' (tried)' if ability in tried else ''}"
    if model.context_tokens:
        yield f"{model.context_tokens} tokens"
    if model.size_bytes:
        yield show_mb(round(model.size_bytes / MB))
    if model.remote_host:
        yield f"runs at {model.remote_host}: what is asked leaves this machine"


def try_server(args: Namespace, config: Config, desk: Desk) -> int:
    """One thing that it was asked to do a line."""
    from deepseek_mm.models.server_trials import try_offered  # as above

    url, name = args.what
    result = try_offered(config.data, url, name)
    if args.json:
        desk.give(asdict(result))
    else:
        for trial in result.trials:
            worked = "works" if trial.works else "fails"
            desk.say(f"{trial.ability:<10} {worked}  {trial.seconds:.1f} s  {trial.said}")
    return OK if all(trial.works for trial in result.trials) else NOTHING
