"""Handlers of model servers of this machine: what there is, and what a press on a card does; tested as functions."""

from dataclasses import dataclass

from deepseek_mm import Caller, DeepSeekMMError, LMConfig, OfferedModel, ServerState, TrialResult
from ui.edges import ActionResult, Handlers
from ui.server_cards import ServersView, name_ability


class NoServer(DeepSeekMMError):
    """A press means a server or a model that is not there any more."""


@dataclass(frozen=True, kw_only=True)
class ServerHandlers(Handlers):
    """Looks for servers, tries their models and chooses one."""

    def look(self, caller: Caller) -> ServersView:
        """Everything as it stands."""
        then = self.services.settings.read(caller).config
        return ServersView(
            servers=self.services.catalogue.list_servers(caller),
            in_use=_place(self.assistant.config.lm),
            next_start=_place(then.lm),
            exchange=self.services.exchange.find_state(caller),
        )

    def use(self, caller: Caller, what: str) -> ActionResult:
        """Open a model beside the one that answers; it is shown photos if it sees, as tried or as its server says."""

        def choose() -> str:
            state, model = self._find(caller, what)
            self.services.exchange.use_server(caller, state.server.url, model.name, sees=state.sees(model))
            return self.words.server_is_opened.format(name=model.name)

        return self.say(choose)

    def attempt(self, caller: Caller, what: str) -> ActionResult:
        """Try a model; what it could do and how long each took."""

        def attempt() -> str:
            url, _, name = what.partition(" ")
            result = self.services.catalogue.try_server_model(caller, url, name)
            return self.words.server_tried.format(name=name, results=self._tell(result))

        return self.say(attempt)

    def _tell(self, result: TrialResult) -> str:
        told = []
        for trial in result.trials:
            ability = name_ability(trial.ability, self.words)
            if trial.works:
                told.append(self.words.server_works.format(ability=ability, seconds=f"{trial.seconds:.1f}"))
            else:
                said = self.words.say(trial.said).rstrip(".\u3002")
                told.append(self.words.server_fails.format(ability=ability, said=said))
        return self.words.join(told)

    def _find(self, caller: Caller, what: str) -> tuple[ServerState, OfferedModel]:
        """The model of a press, which comes from the browser."""
        url, _, name = what.partition(" ")
        for state in self.services.catalogue.list_servers(caller):
            model = state.server.get_model(name)
            if state.server.url == url and model and not (model.remote_host or model.embeds):
                return state, model
        raise NoServer(self.words.servers_none)


def _place(lm: LMConfig) -> tuple[str, str]:
    """Address and model of a server that answers; empty where none does."""
    return (lm.url, lm.name) if lm.url else ("", "")
