"""A house whose people may log in by an OpenID provider on loopback, and a browser that goes there and back."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from account_samples import open_quick
from door_help import HERE, behind
from starlette.testclient import TestClient

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.api.auth_middleware import guard_app
from deepseek_mm.config import AccountsConfig, Config, OpenIdConfig

PEOPLE = {
    "sub-anna": {"preferred_username": "Anna", "email": "anna@example.org", "email_verified": True},
    "sub-eve": {"preferred_username": "Anna", "email": "anna@example.org", "email_verified": False},
    "sub-far": {"preferred_username": "Far", "email": "far@elsewhere.org", "email_verified": True},
}


@contextmanager
def provider(*, lasts_s: float = 3600) -> Iterator[str]:
    """The address of a provider that knows these people."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from oidc_provider_mock import User, run_server_in_thread

        known = [User(sub=sub, claims=dict(claims)) for sub, claims in PEOPLE.items()]
        with run_server_in_thread(access_token_max_age=timedelta(seconds=lasts_s), user_claims=known) as server:
            yield f"http://localhost:{server.server_port}"


@dataclass(frozen=True, kw_only=True)
class OpenIdHouse:
    """The door of a house, and its accounts."""

    door: Any
    accounts: Accounts

    def browser(self) -> TestClient:
        return TestClient(self.door, base_url=HERE, follow_redirects=False)


@contextmanager
def openid_house(folder: Path, issuer: str, **settings: Any) -> Iterator[OpenIdHouse]:
    accounts = open_quick(folder)
    secret = folder / "secret"
    secret.write_text("s3cret & more")
    secret.chmod(0o600)
    asked = {"client_id": "deepseek-mm", "name": "Mock", "domains": "example.org", "secret_file": str(secret)}
    oidc = OpenIdConfig(issuer=issuer, **asked | settings)
    config = Config(data=folder, accounts=AccountsConfig(mode="people"), oidc=oidc)
    yield OpenIdHouse(door=guard_app(behind(), config, Keys(folder), accounts=accounts), accounts=accounts)
    accounts.close()


def go(browser: TestClient, path: str = "/login/oidc?next=/en/") -> str:
    """The provider's address that the way there leads to."""
    begun = browser.get(path)
    assert begun.status_code == 303, begun.text
    return begun.headers["location"]


def agree(address: str, subject: str, **changes: str) -> str:
    """Where the provider sends the browser of this person back, as a path; `changes` are of what the browser asks."""
    parts = urlsplit(address)
    query = urlencode(dict(parse_qsl(parts.query)) | changes)
    answer = httpx.post(parts._replace(query=query).geturl(), data={"sub": subject})
    back = urlsplit(answer.headers["location"])
    return f"{back.path}?{back.query}"


def log_in(browser: TestClient, subject: str = "sub-anna", **changes: str) -> httpx.Response:
    """All of the way."""
    return browser.get(agree(go(browser), subject, **changes))
