"""A caller has rights; whatever acts names the one right that it needs, and checks it itself.

The door (`serve.door`) makes the caller and leaves it in the request; routes, events of the page, tools for agents and
the command line only pass it on to the services, which cannot be called without one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar, get_args

from deepseek_mm.config import SandboxConfig
from deepseek_mm.errors import Forbidden, Unauthorised

Right = Literal["ask", "library", "settings", "page", "run"]
RIGHTS: tuple[Right, ...] = get_args(Right)
USUAL: tuple[Right, ...] = ("ask", "library", "settings", "page")  # of a key that is made without naming any
SCOPE = "deepseek_mm.who"  # where the door leaves the caller
MAKE = "python -m deepseek_mm keys add NAME --rights ask,library,settings,page"
P = ParamSpec("P")
Result = TypeVar("Result")
Service = TypeVar("Service")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """One caller. "ask" reads and asks, "library" and "settings" change these, "page" opens the page and does nothing
    else, "run" has programs run.
    """

    name: str  # of the key, for the log
    rights: frozenset[Right]
    session: str  # whose conversations and tasks these are, as the history knows them
    local: bool = False  # somebody on this machine, without a key: may name any file and change every setting

    def with_session(self, session: str) -> Self:
        """The same caller with the conversations of another session: on the page each browser has its own."""
        return replace(self, session=session)


LOCAL = Caller(name="local", rights=frozenset(RIGHTS), session="api:local", local=True)
COMMAND_LINE = LOCAL.with_session("")  # the history keeps what the command line asks under no session


def require_right(caller: Caller, right: Right) -> None:
    """Forbidden if the caller has not this right."""
    if right not in caller.rights:
        make = MAKE if right in USUAL else f"{MAKE},{right}"
        raise Forbidden(f"the key {caller.name!r} may not do this: it needs the right {right!r}. Make one: {make}")


def require_local(caller: Caller, what: str) -> None:
    """Forbidden for everybody but callers on this machine; `what` is what they would do, such as "ask a server"."""
    if not caller.local:
        raise Forbidden(f"the key {caller.name!r} may not {what}: only a caller on this machine may. Do it there")


def requires(
    right: Right,
) -> Callable[[Callable[Concatenate[Service, Caller, P], Result]], Callable[Concatenate[Service, Caller, P], Result]]:
    """Mark a method of a service with the right that it needs: the caller, its first argument, is checked for it."""

    def mark(
        method: Callable[Concatenate[Service, Caller, P], Result],
    ) -> Callable[Concatenate[Service, Caller, P], Result]:
        @wraps(method)
        def check_first(self: Service, caller: Caller, /, *args: P.args, **kwargs: P.kwargs) -> Result:
            require_right(caller, right)
            return method(self, caller, *args, **kwargs)

        check_first.right = right  # type: ignore[attr-defined]
        return check_first

    return mark


def caller_in(scope: Mapping[str, Any]) -> Caller:
    """The caller of a request, as the door left it in its scope. Unauthorised if it came past the door."""
    caller = scope.get(SCOPE)
    if not isinstance(caller, Caller):
        raise Unauthorised("nobody is named as the caller of this request. Send it through the server's door")
    return caller


def check_run(config: SandboxConfig, caller: Caller) -> None:
    """Forbidden says why the caller may have no programs run."""
    check_allowed(config, local=caller.local, granted="run" in caller.rights)
    require_right(caller, "run")


def check_allowed(config: SandboxConfig, *, local: bool, granted: bool) -> None:
    """Forbidden says why somebody may run no programs. `local`: of this machine, without a key; `granted`: by a key."""
    if config.run == "off":
        raise Forbidden("programs are not run here: sandbox.run is off. Switch it on with: --set sandbox.run=on")
    if local:
        return
    if config.run == "auto":
        raise Forbidden(
            "programs are run for people of this machine only, as long as sandbox.run is auto. To let keys with the"
            ' right "run" do it, start with: --set sandbox.run=on'
        )
    if not granted:
        raise Forbidden(
            'the key may not run programs: it needs the right "run". Make one: python -m deepseek_mm keys add NAME'
            " --rights ask,page,run"
        )
