"""An OpenID Connect provider: its discovery, the address that a login begins at, and whom a code names.

Authorization code flow with PKCE (RFC 7636), state and nonce. An ID token is believed if its signature is by a key of
the provider, and issuer, audience, expiry and nonce are right (OpenID Connect Core 1.0, 3.1.3.7). The provider is asked
when somebody logs in and never before, within a time limit, and no redirect is followed.
"""

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from deepseek_mm.api.origins import is_loopback
from deepseek_mm.config import OpenIdConfig
from deepseek_mm.errors import ConfigError, DeepSeekMMError

ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]  # signatures by keys that only the provider has
SCOPE = "openid profile email"
DISCOVERY = "/.well-known/openid-configuration"
KEPT_S = 3600.0  # how long discovery and keys are used before they are asked for again
LEEWAY_S = 60  # by which clocks may differ
MOST_BYTES = 1_000_000  # of an answer
log = logging.getLogger(__name__)


class ProviderError(DeepSeekMMError):
    """The provider cannot be reached, or what it says cannot be believed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Somebody as a provider knows them; issuer and subject together are theirs for ever."""

    issuer: str
    subject: str
    name: str = ""
    email: str = ""  # only one that the provider has verified


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginSecrets:
    """What one login is known by again when the browser comes back."""

    state: str
    nonce: str
    verifier: str


class OpenIdProvider:
    """The provider of the setting. ConfigError if its address cannot be one, or its secret cannot be read."""

    def __init__(self, config: OpenIdConfig, *, secret: str = "") -> None:
        check_address(config.issuer)
        self._config, self._secret = config, secret
        self._lock, self._read_s = Lock(), 0.0
        self._metadata: Mapping[str, Any] = {}
        self._keys: KeySet | None = None

    @classmethod
    def of(cls, config: OpenIdConfig, environ: Mapping[str, str] = os.environ) -> "OpenIdProvider | None":
        """That of this start; None where none is set."""
        return cls(config, secret=read_secret(config, environ)) if config.issuer else None

    @property
    def name(self) -> str:
        """As its button says it."""
        return self._config.name or str(urlsplit(self._config.issuer).hostname)

    def begin(self, redirect: str, secrets: LoginSecrets) -> str:
        """The provider's address that a browser is sent to. ProviderError."""
        url = prepare_grant_uri(
            self._read()["authorization_endpoint"], self._config.client_id, "code", redirect, SCOPE, secrets.state,
            nonce=secrets.nonce, code_challenge=create_s256_code_challenge(secrets.verifier),
            code_challenge_method="S256",
        )  # fmt: skip
        return str(url)

    def identify(self, code: str, redirect: str, secrets: LoginSecrets) -> Identity:
        """Whom the code of a returned browser names. ProviderError says why nobody can be believed."""
        metadata = self._read()
        try:
            token = self._exchange(metadata["token_endpoint"], code, redirect, secrets)
            claims = self._check(str(token.get("id_token", "")), secrets.nonce)
            if "email" not in claims and metadata.get("userinfo_endpoint"):
                told = self._get(str(metadata["userinfo_endpoint"]), bearer=str(token.get("access_token", "")))
                claims |= told if told.get("sub") == claims["sub"] else {}
        except (httpx.HTTPError, JoseError, ValueError) as error:
            raise ProviderError(f"{self.name} does not vouch for this login ({type(error).__name__})") from error
        return identity_of(self._config.issuer, claims)

    def _exchange(self, endpoint: str, code: str, redirect: str, secrets: LoginSecrets) -> dict[str, Any]:
        """What the provider gives for the code. HTTPError or ValueError where it gives nothing."""
        name, secret = quote(self._config.client_id, safe=""), quote(self._secret, safe="")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": secrets.verifier,
            **({} if secret else {"client_id": self._config.client_id}),
        }
        with httpx.Client(timeout=self._config.timeout_s, auth=(name, secret) if secret else None) as client:
            return read_answer(client.post(endpoint, data=form))

    def _check(self, token: str, nonce: str) -> dict[str, Any]:
        """The claims of a token that can be believed; one of an unknown key is tried with keys that are read anew."""
        try:
            return check_id_token(token, self._read_keys(), self._config, nonce=nonce)
        except (JoseError, ValueError):
            return check_id_token(token, self._read_keys(anew=True), self._config, nonce=nonce)

    def _read(self) -> Mapping[str, Any]:
        """The provider's metadata, as read within the last hour."""
        with self._lock:
            if not self._metadata or time.monotonic() - self._read_s > KEPT_S:
                self._metadata, self._keys = self._discover(), None
                self._read_s = time.monotonic()
            return self._metadata

    def _discover(self) -> Mapping[str, Any]:
        metadata = self._get(self._config.issuer.rstrip("/") + DISCOVERY)
        if metadata.get("issuer") != self._config.issuer:
            raise ProviderError(f"{self.name} calls itself {metadata.get('issuer')!r}. Set oidc.issuer to what it says")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            try:
                check_address(str(metadata.get(name, "")))
            except ConfigError as error:
                raise ProviderError(f"{self.name} has no {name} that can be used: {error}") from error
        return metadata

    def _read_keys(self, *, anew: bool = False) -> KeySet:
        address = self._read()["jwks_uri"]
        with self._lock:
            if self._keys is None or anew:
                self._keys = KeySet.import_key_set(self._get(address))  # type: ignore[arg-type]  # as JSON says it
            return self._keys

    def _get(self, address: str, *, bearer: str = "") -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        try:
            with httpx.Client(timeout=self._config.timeout_s, headers=headers) as client:
                return read_answer(client.get(address))
        except (httpx.HTTPError, ValueError) as error:
            log.warning("the OpenID provider did not answer: %s", type(error).__name__)
            raise ProviderError(f"{self.name} does not answer now ({type(error).__name__}). Try again later") from error


def check_id_token(
    token: str, keys: KeySet, config: OpenIdConfig, *, nonce: str, now_s: float | None = None
) -> dict[str, Any]:
    """The claims of an ID token that is signed by one of the keys, is for us, of this login, and not over.

    JoseError or ValueError if it is not.
    """
    decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
    options = {
        "iss": {"essential": True, "value": config.issuer},
        "aud": {"essential": True, "value": config.client_id},
    }
    wanted = {"nonce": nonce, "client_id": config.client_id}
    claims = CodeIDToken(decoded.claims, decoded.header, options, wanted)
    claims.validate(now=int(time.time() if now_s is None else now_s), leeway=LEEWAY_S)
    if not isinstance(claims["sub"], str) or not claims["sub"]:
        raise ValueError("the token names nobody")
    return dict(claims)


def identity_of(issuer: str, claims: Mapping[str, Any]) -> Identity:
    """Whom the claims name; an address that nobody has verified could be anybody's."""
    email = str(claims.get("email", "")) if claims.get("email_verified") is True else ""
    name = next((str(claims[key]) for key in ("preferred_username", "name") if claims.get(key)), "")
    return Identity(issuer=issuer, subject=str(claims["sub"]), name=name or email.partition("@")[0], email=email)


def is_admitted(identity: Identity, config: OpenIdConfig) -> bool:
    """Whether somebody who is new here gets an account: by a verified address that the settings allow."""
    email = identity.email.casefold()
    _, sign, domain = email.rpartition("@")
    return bool(sign) and (email in split_names(config.emails) or domain in split_names(config.domains))


def split_names(names: str) -> list[str]:
    """Names with commas between them."""
    return [name.strip().casefold() for name in names.split(",") if name.strip()]


def read_answer(response: httpx.Response) -> dict[str, Any]:
    """A JSON object. HTTPError or ValueError if it is none."""
    response.raise_for_status()
    if len(response.content) > MOST_BYTES or not isinstance(told := response.json(), dict):
        raise ValueError("the answer is no JSON object of a fitting size")
    return told


def check_address(address: str) -> None:
    """ConfigError unless it is https, or http of this machine."""
    parts = urlsplit(address)
    is_here = parts.scheme == "http" and is_loopback(parts.hostname or "")
    if not parts.hostname or not (parts.scheme == "https" or is_here) or parts.username or parts.password:
        raise ConfigError(f"{address[:100]!r} is no address of an OpenID provider. It begins with https://")


def read_secret(config: OpenIdConfig, environ: Mapping[str, str]) -> str:
    """The client's secret out of its file or the environment; "" for a client without one. ConfigError."""
    if not config.secret_file:
        return environ.get(config.secret_env, "").strip()
    path = Path(config.secret_file).expanduser()
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"others may read the secret at {path}. Run: chmod 600 {path}")
        return path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"cannot read the secret at {path}: {error.strerror}. Set oidc.secret_file") from error
