"""What happened, one JSON object a line, each with the number of the request it belongs to.

A line says who asked, which route, how it ended and how long it took. What was asked and answered stays out unless
serve.log_content: also of exceptions only the kind and the place are told, since their sentences quote. A key is never
written: whatever looks like one is struck out last of all, wherever it came from.
"""

import json
import logging
import re
import secrets
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from deepseek_mm.accounts.permissions import SCOPE, Caller
from deepseek_mm.api.problems import LEFT, REQUEST_ID
from deepseek_mm.config import Config, ServeConfig
from deepseek_mm.errors import LibraryError

HEADER = "X-Request-ID"
SENT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")  # a caller's own number is kept if it looks like this
SECRET = re.compile(
    r"(?i)(?<=bearer )\S+|dsmm_[A-Za-z0-9_-]+|(?<=deepseek_mm_login=)[A-Za-z0-9_-]+|(?<=\btoken=)[^\s&\"\\]+"
)
OURS = ("deepseek_mm", "index", "ui", "uvicorn.error", "mcp")  # loggers whose lines go into the file
ACCESS = logging.getLogger("deepseek_mm.access")
FILE = Path("log") / "server.log"  # in the library's folder
NONE = "-"  # no route, no caller
ROUTE = "deepseek_mm.route"  # where the door writes in the scope what it answers itself
CURRENT: ContextVar[str] = ContextVar("request", default="")  # the number of the request this is done for


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def __init__(self, *, content: bool = False) -> None:
        """`content`: whether the sentences of exceptions may be told."""
        super().__init__()
        self._content = content

    def format(self, record: logging.LogRecord) -> str:
        """time, level, logger, request, message; then what `extra={"fields": ...}` adds, and where it broke."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": CURRENT.get() or NONE,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = describe_exception(record.exc_info[1], content=self._content)
        return SECRET.sub("***", json.dumps(line, ensure_ascii=True, default=str))


def describe_exception(error: BaseException, *, content: bool) -> str:
    """Kind and places of an exception, and with `content` its sentence; causes first."""
    if content:
        return "".join(traceback.format_exception(error))
    cause = error.__cause__ or error.__context__
    before = f"{describe_exception(cause, content=False)} -> " if cause is not None else ""
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    return f"{before}{type(error).__name__} at {' '.join(places) or 'no place'}"


@contextmanager
def configure_logging(config: Config) -> Iterator[Path]:
    """Write the log to DATA/log/server.log until the end of the block. LibraryError if that cannot be."""
    path = config.data / FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        serve = config.serve
        handler = RotatingFileHandler(path, maxBytes=serve.log_bytes, backupCount=serve.log_files, encoding="utf-8")
        path.chmod(0o600)
    except OSError as error:
        raise LibraryError(f"cannot write the log {path}: {error.strerror}. Allow writing there") from error
    handler.setFormatter(JsonLines(content=config.serve.log_content))
    loggers, before = [logging.getLogger(name) for name in OURS], ACCESS.level
    ACCESS.setLevel(logging.INFO)
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield path
    finally:
        ACCESS.setLevel(before)
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


class LogMiddleware:
    """ASGI middleware: a number for each request, and a line when it has ended."""

    def __init__(self, app: ASGIApp, serve: ServeConfig) -> None:
        self._app, self._serve = app, serve

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what goes out, and write it down."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        number, began_s, tally = number_of(scope), time.monotonic(), {"status": 0, "bytes": 0}
        target = f"{scope['path']}?{scope.get('query_string', b'').decode('latin-1')}"
        scope[REQUEST_ID] = number
        token = CURRENT.set(number)
        try:
            await self._app(scope, receive, _counting(send, number, tally))
        except Exception:
            tally["status"] = tally["status"] or 500
            raise
        finally:
            self._write(scope, tally, time.monotonic() - began_s, target)
            CURRENT.reset(token)

    def _write(self, scope: Scope, tally: dict[str, int], seconds: float, target: str) -> None:
        who = scope.get(SCOPE)
        fields = {
            "who": who.name if isinstance(who, Caller) else NONE,
            "method": scope.get("method", scope["type"].upper()),
            "route": template_of(scope),
            "status": tally["status"] or LEFT,  # nothing was answered: the caller had gone
            "seconds": round(seconds, 4),
            "bytes": tally["bytes"],
        }
        ACCESS.info("request", extra={"fields": fields | ({"target": target} if self._serve.log_content else {})})


def number_of(scope: Scope) -> str:
    """The number that the caller gave, if it is short and plain; else a new one."""
    said = Headers(scope=scope).get(HEADER, "")
    return said if SENT_ID.fullmatch(said) else secrets.token_hex(8)


def template_of(scope: Scope) -> str:
    """The route that answered, with its parameters' names and not their values; "-" if none did."""
    if ROUTE in scope:
        return str(scope[ROUTE])
    path = getattr(scope.get("route"), "path", None)
    return f"{scope.get('root_path', '')}{path}" if isinstance(path, str) else NONE


def _counting(send: Send, number: str, tally: dict[str, int]) -> Send:
    async def counting(message: Message) -> None:
        if message["type"] == "http.response.start":
            tally["status"] = message["status"]
            MutableHeaders(scope=message)[HEADER] = number
        elif message["type"] in ("websocket.accept", "websocket.close"):
            tally["status"] = tally["status"] or (101 if message["type"] == "websocket.accept" else 403)
        tally["bytes"] += len(message.get("body", b""))
        await send(message)

    return counting
