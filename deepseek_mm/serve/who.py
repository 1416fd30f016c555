"""The caller of a request, and routes that name the right that they need."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from deepseek_mm.accounts.permissions import Caller, Right, caller_in, require_right


def needs(right: Right, *, first: Callable[[Caller], None] | None = None) -> Any:
    """A dependency that gives the caller. Forbidden if the caller's key has not this right.

    `first` may refuse before that, where there is more to say than which right is missing.
    """

    async def check(request: Request) -> Caller:  # not async, it would be sent to a thread
        caller = caller_in(request.scope)
        if first is not None:
            first(caller)
        require_right(caller, right)
        return caller

    check.right = right  # type: ignore[attr-defined]  # as tests/rights_table.py reads it
    return Depends(check)


Me = Annotated[Caller, needs("ask")]
