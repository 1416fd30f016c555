"""The rights of a caller, checked by whatever acts, and the files of this machine that a caller may name.

`api.auth_middleware` makes the caller and leaves it in the request; routes, events of the page, tools for agents and
the command line only pass it on to the services, which cannot be called without one.

Links in a path are followed before it is judged, and the path that comes back has none left, so a link that is put
there afterwards leads nowhere else. Below a folder no link is followed (see parse/links).
"""

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from inspect import isfunction
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Self, TypeVar, cast, get_args

from deepseek_mm.config import SandboxConfig, ServeConfig
from deepseek_mm.errors import BadFile, Forbidden, NothingThere, Unauthorised
from index.region import EVERYBODY, LibraryViewer, view_as

Right = Literal["ask", "library", "settings", "page", "run"]
RIGHTS: tuple[Right, ...] = get_args(Right)
USUAL: tuple[Right, ...] = ("ask", "library", "settings", "page")  # of a key that is made without naming any
LOOKS = ("describe_", "find_", "list_", "last_", "measure_", "preview_", "read_", "state", "show_")  # change nothing
SCOPE = "deepseek_mm.who"  # where the door leaves the caller
MAKE = "python -m deepseek_mm keys add NAME --rights ask,library,settings,page"
P = ParamSpec("P")
Result = TypeVar("Result")
Service = TypeVar("Service")
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """One caller. "ask" reads and asks, "library" and "settings" change these, "page" opens the page and does nothing
    else, "run" has programs run.
    """

    name: str  # of the key or the person, for the log
    rights: frozenset[Right]
    session: str  # whose conversations and tasks these are, as the history knows them
    local: bool = False  # somebody on this machine, without a key: may name any file and change every setting
    user: str = ""  # id of the account whose person this is; "" of a key or a machine without accounts
    viewer: LibraryViewer = EVERYBODY  # whose ratings count for them, and which collections they may not see
    address: str = field(default="", compare=False)  # where the request comes from, for the audit log
    login: int = field(default=0, compare=False)  # id of the login that it came with; 0: it came with none

    def with_session(self, session: str) -> Self:
        """The same caller with the conversations of another session: on the page each browser has its own. Somebody
        with an account has one session on every device.
        """
        return self if self.user else replace(self, session=session)


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


def require_owner(caller: Caller, owner: str, what: str) -> None:
    """Forbidden for what belongs to another account, but for callers who may change settings; "" is the house's."""
    if owner not in ("", caller.user) and "settings" not in caller.rights:
        raise Forbidden(f"{what} is somebody else's, who alone may change it. Ask them, or an owner of this house")


def iterate_as(viewer: LibraryViewer, items: Iterator[Item]) -> Iterator[Item]:
    """The same items, each made as this viewer sees the library, in whatever thread they are asked for."""
    ended = object()
    try:
        while True:
            with view_as(viewer):
                item = next(items, ended)
            if item is ended:
                return
            yield cast(Item, item)
    finally:
        if isinstance(items, Generator):
            with view_as(viewer):
                items.close()


def note_change(service: object, caller: Caller, method: Callable[..., object], args: Sequence[object]) -> None:
    """Write into the audit log that a caller has changed something, where the service's assistant keeps accounts: what
    was done and the number of the thing, never a text.
    """
    accounts = getattr(getattr(service, "assistant", None), "accounts", None)
    if accounts is not None:
        target = next((str(each) for each in args if type(each) is int), "")
        area = type(service).__name__.removesuffix("Service").lower()
        accounts.note(caller.name, f"{area}: {method.__name__}", target=target, address=caller.address)


def requires(
    right: Right,
) -> Callable[[Callable[Concatenate[Service, Caller, P], Result]], Callable[Concatenate[Service, Caller, P], Result]]:
    """Mark a method of a service with the right that it needs: the caller, its first argument, is checked for it, and
    what the method reads is read as the caller may see it.
    """

    def mark(
        method: Callable[Concatenate[Service, Caller, P], Result],
    ) -> Callable[Concatenate[Service, Caller, P], Result]:
        @wraps(method)
        def check_first(self: Service, caller: Caller, /, *args: P.args, **kwargs: P.kwargs) -> Result:
            require_right(caller, right)
            with view_as(caller.viewer):
                result = method(self, caller, *args, **kwargs)
            if right != "ask" and not method.__name__.startswith(LOOKS):
                note_change(self, caller, method, args)
            return cast(Result, iterate_as(caller.viewer, result)) if isinstance(result, Iterator) else result

        check_first.right = right  # type: ignore[attr-defined]
        return check_first

    return mark


def requires_by_default(right: Right) -> Callable[[type[Service]], type[Service]]:
    """Mark a service, whose public methods then need this right where `requires` names no other."""

    def mark(service: type[Service]) -> type[Service]:
        for name, method in list(vars(service).items()):
            if isfunction(method) and not name.startswith("_") and not hasattr(method, "right"):
                setattr(service, name, requires(right)(method))
        return service

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


MEMBER = "!/"  # between an archive and a file in it
SHOWN_CHARS = 80


def check_path(path: str, caller: Caller, serve: ServeConfig, *, new: bool = False, own: Path | None = None) -> Path:
    """The path, absolute; for others than this machine's people without links, below one of `serve.roots`, and not in
    the library's `own` folder, where the files of other callers lie.

    Forbidden if it is not theirs to name, whether it exists or not; NothingThere if it is and nothing is there. Of a
    `new` file only the folder has to be there.
    """
    if "\0" in path or not path.isprintable():
        raise BadFile(f"{ascii(path)[:SHOWN_CHARS]} is no path. Take out what cannot be printed")
    if caller.local:
        return Path(os.path.abspath(path))
    found = inside(path, roots_of(serve))
    if found is None:
        raise Forbidden(
            f"{path[:SHOWN_CHARS]!r} lies in none of the folders that callers with a key may name. "
            "Allow its folder where the server is started: --set serve.roots=/FOLDER:/OTHER"
        )
    if own is not None and found.is_relative_to(own.resolve()):
        raise Forbidden(f"{found} lies in the library's own folder. Name another file or folder")
    needed = found.parent if new else Path(str(found).partition(MEMBER)[0])
    if not needed.exists():
        raise NothingThere(f"no file or folder at {needed if new else found}. Check the name")
    return found


def inside(path: str, roots: Sequence[Path]) -> Path | None:
    """The path with its links resolved, if it then lies in or below a root; None otherwise, or if it is relative."""
    if not os.path.isabs(path):
        return None
    try:
        real = Path(path).resolve()
    except (OSError, ValueError, RuntimeError):  # a loop of links, a name that is too long
        return None
    return real if any(real.is_relative_to(root) for root in roots) else None


def roots_of(serve: ServeConfig) -> list[Path]:
    """The folders of the setting, without links; relative ones and those that are not there do not count."""
    named = [Path(name.strip()) for name in serve.roots.split(os.pathsep) if name.strip()]
    return [root.resolve() for root in named if root.is_absolute() and root.is_dir()]
