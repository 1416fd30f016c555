"""The key of a language model server goes to the address that it was set for, and to no other.

A variable of the environment such as OPENAI_API_KEY says nothing about addresses. It was set for the server that the
person who starts the program names then, by a flag or a variable (see `settings`), and for those that `lm.api_key_for`
names, which only this machine's people change; where there are none, for OpenAI's own. An address that came into
`lm.url` in another way gets no key. An address is a scheme, a host and a port.
"""

import httpx

from deepseek_mm.config import LMConfig

OFFICIAL = {"OPENAI_API_KEY": "https://api.openai.com"}  # variable -> the address that its key is for by its name
PORTS = {"http": 80, "https": 443}
Origin = tuple[str, str, int]  # scheme, host, port


def is_key_for(url: httpx.URL, config: LMConfig) -> bool:
    """Whether the key in the variable `lm.api_key_env` may go to this address."""
    return origin_of(url) in {origin_of(httpx.URL(named)) for named in addresses_of(config)}


def addresses_of(config: LMConfig) -> list[str]:
    """The addresses that the key was set for."""
    official = OFFICIAL.get(config.api_key_env)
    return config.api_key_for.split() or ([official] if official else [])


def origin_of(url: httpx.URL) -> Origin:
    """The part of an address that says which server it is."""
    return url.scheme, url.host, url.port or PORTS.get(url.scheme, 0)


def shown_origin(url: httpx.URL) -> str:
    """The same as text, without a name or password, as `lm.api_key_for` takes it."""
    return f"{url.scheme}://{url.netloc.decode()}"
