"""Programs that somebody wants run: behind the walls of the sandbox, for whom `sandbox.run` lets."""

from dataclasses import dataclass
from threading import Event
from typing import Self

from deepseek_mm.accounts.permissions import Caller, check_run, requires
from deepseek_mm.config import Config, SandboxConfig
from deepseek_mm.errors import Forbidden
from deepseek_mm.sandbox.records import Language, Protection, Ran
from deepseek_mm.sandbox.run import Sandbox, open_sandbox


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgramService:
    """Runs programs for callers."""

    config: SandboxConfig
    sandbox: Sandbox

    @classmethod
    def of(cls, config: Config) -> Self:
        """Over the sandbox of this app."""
        return cls(config=config.sandbox, sandbox=open_sandbox(config))

    @requires("ask")
    def list_protections(self, caller: Caller) -> list[Protection]:
        """What holds on this machine while a program runs."""
        return list(self.sandbox.protections())

    @requires("ask")
    def explain_refusal(self, caller: Caller) -> str:
        """Why this caller may have no programs run; empty if it may."""
        try:
            check_run(self.config, caller)
        except Forbidden as error:
            return str(error)
        return ""

    @requires("run")
    def run(
        self,
        caller: Caller,
        code: str,
        *,
        language: Language = "python",
        text: str = "",
        stop: Event | None = None,
    ) -> Ran:
        """Run a program and wait for its end. Forbidden says why it may not be run for this caller."""
        check_run(self.config, caller)
        return self.sandbox.run(code, language=language, text=text, stop=stop or Event())
