"""/run: a program that somebody wants run, behind the walls of the sandbox, and what these hold on this machine."""

from functools import partial
from threading import Event
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from deepseek_mm.accounts.permissions import Caller, check_run
from deepseek_mm.sandbox.nouns import EndedBy, Protection, Ran
from deepseek_mm.sandbox.run import MOST_CODE
from deepseek_mm.serve.disconnects import stop_when_left
from deepseek_mm.serve.problems import DECLARED
from deepseek_mm.serve.schemas import Text, Typed
from deepseek_mm.serve.who import Me, needs
from deepseek_mm.services import Services


class RunIn(BaseModel):
    """A program."""

    model_config = ConfigDict(extra="forbid")

    code: Annotated[Typed, Field(max_length=MOST_CODE, examples=["print(6 * 7)"])]
    language: Literal["python", "bash"] = "python"
    text: Annotated[Typed, Field(max_length=MOST_CODE)] = Field(default="", description="lies beside it as input.txt")


class ProtectionOut(BaseModel):
    """One promise."""

    name: str = Field(examples=["network"])
    holds: bool
    how: Text = Field(description="by what, or why not", examples=["a network of its own without connections"])

    @classmethod
    def of(cls, each: Protection) -> "ProtectionOut":
        """As JSON says it."""
        return cls(name=each.name, holds=each.holds, how=each.how)


class RanOut(BaseModel):
    """How it ended."""

    stdout: Text = Field(examples=["42\n"])
    stderr: Text
    exit: int = Field(description="its code, or minus the number of the signal that ended it", examples=[0])
    seconds: float
    ended_by: EndedBy = Field(description="the limit that ended it; empty: it ended by itself")
    peak_mb: float = Field(description="memory of all its processes, as seen while it ran")
    protections: list[ProtectionOut] = Field(description="that held while it ran")

    @classmethod
    def of(cls, ran: Ran) -> "RanOut":
        """As JSON says it."""
        return cls(
            stdout=ran.stdout,
            stderr=ran.stderr,
            exit=ran.exit,
            seconds=round(ran.seconds, 3),
            ended_by=ran.ended_by,
            peak_mb=round(ran.peak_mb, 1),
            protections=[ProtectionOut.of(each) for each in ran.protections],
        )


class RunnableOut(BaseModel):
    """Whether programs are run for this caller, and behind what."""

    allowed: bool
    why_not: str = Field(description="empty where it is allowed")
    protections: list[ProtectionOut]


def run_routes(services: Services) -> APIRouter:
    """GET and POST /run."""
    router, programs = APIRouter(tags=["run"], responses=DECLARED), services.programs
    may_run = needs("run", first=partial(check_run, programs.config))

    @router.get("/run")
    def runnable(caller: Me) -> RunnableOut:
        """Whether the caller may run programs, and which protections hold on this machine."""
        held = [ProtectionOut.of(each) for each in programs.list_protections(caller)]
        why_not = programs.explain_refusal(caller)
        return RunnableOut(allowed=not why_not, why_not=why_not, protections=held)

    @router.post("/run")
    async def run(asked: RunIn, request: Request, caller: Caller = may_run) -> RanOut:
        """Run a program and wait for its end; to stop it, hang up."""
        stop = Event()
        async with stop_when_left(request, stop.set):
            ran = await run_in_threadpool(
                lambda: programs.run(caller, asked.code, language=asked.language, text=asked.text, stop=stop)
            )
        return RanOut.of(ran)

    return router
