"""This user's keys for servers of other machines: a file that nobody else may read, a table for each address."""

import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path

from deepseek_mm.errors import BadQuestion, LibraryError
from deepseek_mm.storage.files import read_small

FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO
LONGEST_CHARS = 500
ADD = "python -m deepseek_mm hosts add"


def keyring_file(environ: Mapping[str, str]) -> Path:
    """Where keys are kept."""
    home = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME") or Path.home()) / ".config"
    return Path(home) / "deepseek-mm" / "keys.toml"


def read_keyring(environ: Mapping[str, str]) -> dict[str, str]:
    """Address -> key. LibraryError for a file that others may read, or that is none of ours."""
    file = keyring_file(environ)
    try:
        if file.stat().st_mode & FOR_OTHERS:
            raise LibraryError(f"others may read the keys in {file}. Take that away with: chmod 600 {file}")
        told = tomllib.loads(read_small(file).decode())
        return {str(address): check_key(str(row["key"])) for address, row in told.items()}
    except FileNotFoundError:
        return {}
    except LibraryError:
        raise
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"  # not what it holds instead
        raise LibraryError(f"cannot read the keys in {file}: {reason}. Move it away, and then: {ADD} URL") from None


def check_key(key: str) -> str:
    """The same. BadQuestion if it can be no key; what it is stays unsaid."""
    if not 0 < len(key) <= LONGEST_CHARS or not (key.isascii() and key.isprintable()) or " " in key:
        raise BadQuestion("this is no key: one is a single word such as dsmm_... Copy it again, whole")
    return key
