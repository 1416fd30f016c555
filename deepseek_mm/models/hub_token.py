"""The token that tells a hub who asks: from HF_TOKEN, or from a file of this user that nobody else may read.

The file lies with the user's settings, not in a library, so that no backup and no shared library carries it. It keeps
the address of the hub beside the token, and a token is sent to no other address. It appears in no log and no error.
"""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from deepseek_mm.errors import BadQuestion, LibraryError
from deepseek_mm.storage.files import atomic_write, parse_json, read_small

VARIABLE = "HF_TOKEN"
ENDPOINT_VARIABLE = "HF_ENDPOINT"
PUBLIC_HUB = "https://huggingface.co"
OWNER_ONLY = 0o600
FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
LONGEST_CHARS = 500
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def hub_address(environ: Mapping[str, str]) -> str:
    """Where the hub is: HF_ENDPOINT names a mirror. BadQuestion if that is no address of the web."""
    address = (environ.get(ENDPOINT_VARIABLE) or PUBLIC_HUB).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise BadQuestion(f"{ENDPOINT_VARIABLE} names no hub. Write it as {PUBLIC_HUB}, or unset it")
    return address


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine."""
    return urlsplit(address).hostname in LOOPBACK


def token_file(environ: Mapping[str, str]) -> Path:
    """Where the token is kept."""
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config"
    return Path(home) / "deepseek-mm" / "hub-token.json"


def read_token(environ: Mapping[str, str], address: str) -> str:
    """The token for the hub at this address; empty where there is none, or where it would travel in the clear.

    LibraryError for a file that others may read, or that is none of ours.
    """
    if not is_loopback(address) and urlsplit(address).scheme != "https":
        return ""
    return environ.get(VARIABLE, "").strip() or read_tokens(environ).get(address, "")


def read_tokens(environ: Mapping[str, str]) -> dict[str, str]:
    """Address -> token, as kept in the file."""
    file = token_file(environ)
    try:
        if file.stat().st_mode & FOR_OTHERS:
            raise LibraryError(f"others may read the hub's token in {file}. Take that away with: chmod 600 {file}")
        return {str(address): str(token) for address, token in parse_json(read_small(file)).items()}
    except FileNotFoundError:
        return {}
    except LibraryError:
        raise
    except (OSError, ValueError, AttributeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no tokens"  # not what it holds instead
        raise LibraryError(
            f"cannot read the hub's token in {file}: {reason}. Move it away and give the token again: "
            "python -m deepseek_mm models token"
        ) from None


def keep_token(token: str, environ: Mapping[str, str]) -> Path:
    """Keep it for the hub of this environment, or forget that one's where it is empty; the file it is kept in."""
    token = token.strip()
    if len(token) > LONGEST_CHARS or not (token.isascii() and token.isprintable()) or " " in token:
        raise BadQuestion("this is no token of a hub: one is a single word such as hf_... Copy it again, whole")
    file, address = token_file(environ), hub_address(environ)
    kept = {known: each for known, each in read_tokens(environ).items() if known != address}
    kept |= {address: token} if token else {}
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)  # the rights of a file that is there would stay
    atomic_write(file, json.dumps(kept, indent=1).encode(), mode=OWNER_ONLY)
    os.chmod(file, OWNER_ONLY)
    return file
