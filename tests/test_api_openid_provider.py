"""Which ID tokens are believed, which addresses a provider may have, and where its secret comes from."""

import base64
import json
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey, RSAKey

from deepseek_mm.api.openid_provider import (
    Identity,
    LoginSecrets,
    OpenIdProvider,
    ProviderError,
    check_address,
    check_id_token,
    identity_of,
    is_admitted,
    read_secret,
)
from deepseek_mm.config import OpenIdConfig
from deepseek_mm.errors import ConfigError

CONFIG = OpenIdConfig(issuer="https://id.example", client_id="us", domains="Example.org", emails="far@elsewhere.org")
NOW_S = 1_000_000
NONE = {"alg": "none"}
ENDPOINTS = dict.fromkeys(("authorization_endpoint", "token_endpoint", "jwks_uri"), "https://another.example/")
FOREIGN = {"issuer": "https://another.example"} | ENDPOINTS  # whole, and of another provider
CLAIMS = {"iss": "https://id.example", "aud": "us", "sub": "1", "nonce": "n", "iat": NOW_S, "exp": NOW_S + 60}


@pytest.fixture(scope="module")
def key():
    return RSAKey.generate_key(2048, {"kid": "a", "use": "sig"})


def check(key, claims, *, by=None, algorithm="RS256", kid="a"):
    token = jwt.encode({"alg": algorithm, "kid": kid}, claims, by or key, algorithms=[algorithm])
    return check_id_token(token, KeySet([key]), CONFIG, nonce="n", now_s=NOW_S)


def test_a_token_of_the_provider_for_us_and_this_login_is_believed(key):
    assert check(key, CLAIMS)["sub"] == "1"
    assert check(key, CLAIMS | {"aud": ["us", "them"], "azp": "us"})["sub"] == "1"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://evil.example"},
        {"aud": "them"},
        {"aud": ["us", "them"], "azp": "them"},
        {"nonce": "of another login"},
        {"nonce": None},
        {"exp": NOW_S - 61},
        {"exp": None},
        {"sub": ""},
        {"sub": 7},
        {"nbf": NOW_S + 3600},
    ],
)
def test_one_for_others_of_another_login_or_that_is_over_is_not(key, change):
    claims = {name: value for name, value in (CLAIMS | change).items() if value is not None}
    with pytest.raises((JoseError, ValueError)):
        check(key, claims)


def test_one_that_somebody_else_has_signed_is_not(key):
    other = RSAKey.generate_key(2048, {"kid": "a"})
    with pytest.raises((JoseError, ValueError)):
        check(key, CLAIMS, by=other)
    with pytest.raises((JoseError, ValueError)):  # by a secret that others may know
        check(key, CLAIMS, by=OctKey.generate_key(), algorithm="HS256")
    shared = OctKey.generate_key(parameters={"kid": "a"})
    with pytest.raises((JoseError, ValueError)):
        check(shared, CLAIMS, algorithm="HS256")
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (NONE, CLAIMS))
    unsigned = f"{head}.{body}."
    for token in (unsigned, "", "a.b.c"):
        with pytest.raises((JoseError, ValueError)):
            check_id_token(token, KeySet([key]), CONFIG, nonce="n", now_s=NOW_S)


def test_only_a_verified_address_admits_somebody_new():
    def admitted(email: str, verified: object = True) -> bool:
        claims = {"sub": "1", "email": email, "email_verified": verified}
        return is_admitted(identity_of("https://id.example", claims), CONFIG)

    assert admitted("anna@EXAMPLE.org")
    assert admitted("far@elsewhere.org")
    for email in ("anna@example.org.evil.com", "anna@elsewhere.org", "", "example.org", "x@sub.example.org"):
        assert not admitted(email)
    assert not admitted("anna@example.org", verified=False)
    assert not admitted("anna@example.org", verified="true")
    assert not is_admitted(Identity(issuer="", subject="1", email="a@b"), replace(CONFIG, domains="", emails=""))


@pytest.mark.parametrize(
    "address", ["http://id.example", "https://", "file:///etc/passwd", "https://me:pw@id.example", ""]
)
def test_what_is_no_address_of_a_provider_is_refused(address):
    with pytest.raises(ConfigError):
        check_address(address)
    check_address("https://id.example/realms/home")
    check_address("http://127.0.0.1:9000")


def test_the_secret_comes_from_a_file_for_its_owner_alone_or_from_the_environment(tmp_path):
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    file.chmod(0o600)
    assert read_secret(replace(CONFIG, secret_file=str(file)), {}) == "s3cret"
    assert read_secret(CONFIG, {"DEEPSEEK_MM_OIDC_SECRET": "other"}) == "other"
    assert read_secret(CONFIG, {}) == ""
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret(replace(CONFIG, secret_file=str(file)), {})
    with pytest.raises(ConfigError, match="cannot read"):
        read_secret(replace(CONFIG, secret_file=str(tmp_path / "none")), {})


def test_owners_are_made_by_owners():
    with pytest.raises(ConfigError, match="owners are made by owners"):
        OpenIdConfig(role="owner")
    with pytest.raises(ConfigError, match="client_id"):
        OpenIdConfig(issuer="https://id.example")


class Stub(BaseHTTPRequestHandler):
    """A provider that answers discovery with what its server holds, slowly where that is wanted."""

    def do_GET(self) -> None:
        time.sleep(self.server.wait_s)
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def stub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    server.wait_s, server.answer = 0.0, (200, b"{}")
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        ((200, json.dumps(FOREIGN).encode()), 0.0),
        ((200, b"[]"), 0.0),
        ((200, b"x" * 1_100_000), 0.0),
        ((302, b""), 0.0),
        ((500, b""), 0.0),
        ((200, b"{}"), 1.5),
    ],
)
def test_a_provider_that_is_another_breaks_redirects_or_is_silent_ends_as_a_sentence(stub, answer, wait_s):
    stub.answer, stub.wait_s = answer, wait_s
    issuer = f"http://127.0.0.1:{stub.server_port}"
    provider = OpenIdProvider(replace(CONFIG, issuer=issuer, timeout_s=0.5))
    begun = time.monotonic()
    with pytest.raises(ProviderError):
        provider.begin("http://here/login/oidc/back", LoginSecrets(state="s", nonce="n", verifier="v" * 64))
    assert time.monotonic() - begun < 5


def test_endpoints_elsewhere_in_plain_http_are_not_used(stub):
    issuer = f"http://127.0.0.1:{stub.server_port}"
    told = {"issuer": issuer, "authorization_endpoint": "http://evil.example/", "token_endpoint": "", "jwks_uri": ""}
    stub.answer = (200, json.dumps(told).encode())
    with pytest.raises(ProviderError, match="authorization_endpoint"):
        OpenIdProvider(replace(CONFIG, issuer=issuer)).begin("", LoginSecrets(state="s", nonce="n", verifier="v" * 64))
