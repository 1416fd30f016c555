"""Which right every action needs: read from the declarations, and printed as the table of docs/security.md.

A row is (right, action); "" as the right is an action that needs none. Whoever declares rights elsewhere (the page's
events) gives rows of the same form.
"""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any, get_type_hints

from fastapi import FastAPI, routing

from deepseek_mm.accounts.permissions import RIGHTS
from deepseek_mm.services import Services

Row = tuple[str, str]


def right_of(action: object) -> str:
    """The right that a method of a service, or the dependency of a route, declares; "" if it declares none."""
    return getattr(action, "right", "")


def rights_of_route(route: Any) -> list[str]:
    """The rights that its dependencies declare; each of them is needed."""
    return [right for each in route.dependant.dependencies if (right := right_of(each.call))]


def all_routes(app: FastAPI) -> list[Any]:
    """Every route, those of included routers too: from its version 0.16x on FastAPI leaves these where they are."""
    walk = getattr(routing, "iter_route_contexts", iter)
    return list(walk(app.routes))


def routes_of(app: FastAPI) -> Iterator[tuple[str, Any]]:
    """Every route of ours with its name, such as "GET /library"; pages and files that are mounted are none."""
    for route in all_routes(app):
        if hasattr(route, "dependant"):
            for method in sorted(route.methods):
                yield f"{method} {route.path}", route


def rows_of_routes(app: FastAPI) -> list[Row]:
    """A row for each route."""
    return [("+".join(rights_of_route(route)), name) for name, route in routes_of(app)]


def methods_of_services() -> Iterator[tuple[str, object]]:
    """Every public method of every service, with its name, such as "library.add"."""
    kinds = get_type_hints(Services)
    for field in fields(Services):
        for name, method in vars(kinds[field.name]).items():
            if not name.startswith("_") and callable(method):
                yield f"{field.name}.{name}", method


def rows_of_services() -> list[Row]:
    """A row for each method."""
    return [(right_of(method), name) for name, method in methods_of_services()]


def table(rows: Iterable[Row], heading: str) -> str:
    """Markdown: a line for each right, in their order, with its actions."""
    found: dict[str, list[str]] = {}
    for right, action in rows:
        found.setdefault(right, []).append(f"`{action}`")
    order = [*RIGHTS, *sorted(set(found) - set(RIGHTS))]
    lines = [f"| `{right}` | {', '.join(sorted(found.get(right, [])) or ['nothing'])} |" for right in order if right]
    open_to_all = [f"| none | {', '.join(sorted(found['']))} |"] if "" in found else []
    return "\n".join([f"| right | {heading} |", "|---|---|", *lines, *open_to_all])
