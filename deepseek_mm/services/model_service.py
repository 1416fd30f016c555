"""Language models of servers, looked at before one is chosen: for callers on this machine only.

Others could have this machine ask any address that only it can reach. The machine's key goes to no address that it was
not set for (`lm.credentials`).
"""

from dataclasses import dataclass

from deepseek_mm.accounts.permissions import Caller, require_local, requires
from deepseek_mm.assistant import Assistant
from deepseek_mm.config import LMConfig
from deepseek_mm.errors import BadQuestion, Conflict, ServerError
from deepseek_mm.lm.backends.server_client import address_of, models_at
from deepseek_mm.services.setting_descriptions import is_fixed
from deepseek_mm.settings_file import SettingsFile


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelService:
    """Which models there are to choose from."""

    assistant: Assistant
    file: SettingsFile

    @requires("settings")
    def list_models(self, caller: Caller, url: str) -> list[str]:
        """Names of the models that the server at this address offers. ServerError says what is wrong with it."""
        return models_at(self._server(caller, url))

    @requires("settings")
    def check_address(self, caller: Caller, url: str) -> str:
        """The address as it is kept and shown. BadQuestion if it is none; nobody is asked."""
        return address_of(self._server(caller, url))

    def _server(self, caller: Caller, url: str) -> LMConfig:
        """The settings to ask it with. Forbidden, Conflict or BadQuestion says why it may not be asked."""
        lm = self.assistant.config.lm
        require_local(caller, "ask a server")
        if is_fixed(self.file.read().origin, "lm.url"):
            raise Conflict("lm.url is fixed by a flag or the environment of this start. Start without it")
        if "@" in url:
            raise BadQuestion(f"the address holds a name or a key. Put the key into the variable {lm.api_key_env}")
        server = LMConfig(
            url=url.strip(), api_key_env=lm.api_key_env, api_key_for=lm.api_key_for, timeout_s=lm.timeout_s
        )
        try:
            address_of(server)
        except ServerError as error:  # nobody was asked yet: what was sent is wrong, not the server
            raise BadQuestion(str(error)) from error
        return server
