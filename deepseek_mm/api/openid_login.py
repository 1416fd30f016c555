"""Logging in by an OpenID Connect provider: the way there, and the way back.

What a login is known by again (state, nonce, PKCE verifier) lies in a cookie of this browser alone, which only the two
routes here are sent. The browser comes back from the provider's page, so that cookie is SameSite=Lax; the login's own
stays Strict, and is first sent by the page that is shown in between.

An account belongs to the provider's subject, never to a name or an address. Somebody new gets one only by a verified
address that the settings allow.
"""

import json
import secrets
from html import escape
from urllib.parse import quote, unquote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.accounts.records import User
from deepseek_mm.api.openid_provider import Identity, LoginSecrets, OpenIdProvider, ProviderError, is_admitted
from deepseek_mm.config import OpenIdConfig
from deepseek_mm.errors import DeepSeekMMError, Forbidden

START, BACK = "/login/oidc", "/login/oidc/back"
COOKIE = "deepseek_mm_oidc"
LASTS_S = 600  # from the way there to the way back
MOST_CHARS = 4_000  # of what a browser brings back


class BadReturn(DeepSeekMMError):
    """A browser came back from nowhere, from another login, or too late."""


class OpenIdLogin:
    """The two routes of one provider."""

    def __init__(self, provider: OpenIdProvider, config: OpenIdConfig, accounts: Accounts) -> None:
        self.provider, self._config, self._accounts = provider, config, accounts

    async def begin(self, request: Request, onward: str, *, secure: bool) -> Response:
        """Send the browser to the provider. ProviderError if that cannot be reached."""
        kept = LoginSecrets(
            state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48)
        )
        url = await run_in_threadpool(self.provider.begin, address_of_return(request, secure=secure), kept)
        response = RedirectResponse(url, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
        value = quote(json.dumps([kept.state, kept.nonce, kept.verifier, onward]))
        response.set_cookie(COOKIE, value, max_age=LASTS_S, path=START, secure=secure, httponly=True, samesite="lax")
        return response

    async def end(self, request: Request, *, secure: bool) -> tuple[User, str]:
        """Who has come back, and where they wanted to go. ProviderError, BadReturn, Forbidden."""
        kept, onward = read_cookie(request)
        query = request.query_params
        if not secrets.compare_digest(query.get("state", "").encode(), kept.state.encode()):
            raise BadReturn("this login was not begun in this browser, or too long ago. Begin again")
        if query.get("error") or not query.get("code"):
            raise BadReturn(f"{self.provider.name} let nobody in. Begin again, or log in with a password")
        code = query["code"][:MOST_CHARS]
        redirect = address_of_return(request, secure=secure)
        identity = await run_in_threadpool(self.provider.identify, code, redirect, kept)
        return await run_in_threadpool(self._admit, identity), onward

    def _admit(self, identity: Identity) -> User:
        """The person whose account it is; somebody new gets one where the settings allow."""
        found = self._accounts.find_identity(identity.issuer, identity.subject)
        if found is None:
            if not is_admitted(identity, self._config):
                raise Forbidden("you have no account here. Ask an owner of this house")
            found = self._accounts.add_identity(identity.issuer, identity.subject, identity.name, self._config.role)
            self._accounts.note(found.name, "account made", target=f"{found.name} {found.role}")
        if found.is_disabled:
            raise Forbidden("your account is disabled. Ask an owner of this house")
        return found


def address_of_return(request: Request, *, secure: bool) -> str:
    """Where the provider sends the browser back: this server, by the name that it was called by, which was checked."""
    return f"{'https' if secure else 'http'}://{request.headers.get('host', '')}{BACK}"


def read_cookie(request: Request) -> tuple[LoginSecrets, str]:
    """What this browser's login is known by, and where it leads. BadReturn if it has begun none."""
    try:
        state, nonce, verifier, onward = map(str, json.loads(unquote(request.cookies.get(COOKIE, "")[:MOST_CHARS])))
    except ValueError as error:
        raise BadReturn("this login was not begun in this browser, or too long ago. Begin again") from error
    if min(map(len, (state, nonce, verifier))) < 32:
        raise BadReturn("this login was not begun in this browser, or too long ago. Begin again")
    return LoginSecrets(state=state, nonce=nonce, verifier=verifier), onward


def status_of(error: Exception) -> int:
    """The HTTP status of a login that failed."""
    statuses: tuple[tuple[type[Exception], int], ...] = ((ProviderError, 502), (Forbidden, 403))
    return next((status for kind, status in statuses if isinstance(error, kind)), 400)


def provider_link(name: str, text: str, onward: str) -> str:
    """The button of the login form."""
    return (
        f'<a class="other" href="{START}?next={escape(quote(onward, safe="/"))}">{escape(text.format(name=name))}</a>'
    )
