"""Before a server is chosen: is it one, and which models does it offer?"""

from dataclasses import replace

from deepseek_mm.config import LMConfig

TRY_S = 8.0  # how long a server may take to answer somebody who only looks


def models_at(config: LMConfig) -> list[str]:
    """Names of the models that the server at config.url offers, at least one. ServerError says what is wrong."""
    from deepseek_mm.lm.server import OpenAIServer

    quick = replace(config, timeout_s=min(TRY_S, config.timeout_s))
    return OpenAIServer(quick).models()


def address_of(config: LMConfig) -> str:
    """The server's address, fit to be shown: without a name or password in it. ServerError if it is none."""
    from deepseek_mm.lm.server import OpenAIServer

    return OpenAIServer(config).address
