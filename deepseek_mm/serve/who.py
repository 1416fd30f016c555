"""Who is asking, and what they may do: the door puts it into the request, routes name the right that they need."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from fastapi import Depends, Request

from deepseek_mm.config import SandboxConfig
from deepseek_mm.errors import Forbidden
from deepseek_mm.sandbox.run import check_allowed

Right = Literal["ask", "library", "settings", "page", "run"]
RIGHTS: tuple[Right, ...] = get_args(Right)
USUAL: tuple[Right, ...] = ("ask", "library", "settings", "page")  # of a key that is made without naming any
SCOPE = "deepseek_mm.who"  # where the door leaves it


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """One caller. "ask" reads and asks, "library" and "settings" change these, "page" opens the page, "run" has
    programs run.
    """

    name: str  # of the key, for the log
    rights: frozenset[Right]
    session: str  # whose conversations and tasks these are, as the history knows them


LOCAL = Who(name="local", rights=frozenset(RIGHTS), session="api:local")  # somebody on this machine, without a key


def who_of(request: Request) -> Who:
    """The caller of this request; a request that came past the door has none, which is a fault of ours."""
    who = request.scope[SCOPE]
    assert isinstance(who, Who), "the door names the caller"
    return who


def check_run(config: SandboxConfig, who: Who) -> None:
    """Forbidden says why the caller may have no programs run."""
    check_allowed(config, local=who.session == LOCAL.session, granted="run" in who.rights)


def needs(right: Right) -> Any:
    """A dependency that gives the caller. Forbidden if the caller's key has not this right."""

    async def check(request: Request) -> Who:  # not async, it would be sent to a thread
        who = who_of(request)
        if right not in who.rights:
            raise Forbidden(f"the key {who.name!r} may not do this: it needs the right {right!r}. Make one: {MAKE}")
        return who

    checked: Callable[[Request], Awaitable[Who]] = check
    return Depends(checked)


MAKE = "python -m deepseek_mm keys add NAME --rights ask,library,settings,page"
