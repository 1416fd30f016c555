"""Files, environment and flags become one Config: flags before environment before file before defaults.

A setting has one dotted name, `rag.num_regions`, written three ways:

    DATA/config.toml          [rag]
                              num_regions = 8
    environment               DEEPSEEK_MM_RAG__NUM_REGIONS=8      (an empty variable counts as absent)
    flag                      rag.num_regions=8

The file is DATA/config.toml, or the one named by the flag `config` or by DEEPSEEK_MM_CONFIG. What is not known is
refused with the nearest name that is, so that a slip of the pen cannot pass for a setting.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlsplit

from deepseek_mm.addresses import is_web_address, split_addresses
from deepseek_mm.config import RETIRED_SPACES, Config, Notice, retired_space
from deepseek_mm.errors import ConfigError
from deepseek_mm.storage.files import read_toml

PREFIX = "DEEPSEEK_MM_"
TOKEN_VARIABLE = "DEEPSEEK_MM_TOKEN"  # a secret, so in no file of settings: api/credentials.py
KEY_VARIABLE = "DEEPSEEK_MM_KEY"  # the same: api/remote_server.py
NOT_SETTINGS = (  # with the prefix, but no fields of Config
    "DEEPSEEK_MM_CONFIG",
    "DEEPSEEK_MM_CACHE",
    TOKEN_VARIABLE,
    KEY_VARIABLE,
)
EXPECTED = {  # type -> what a message calls it, with an example
    int: "a whole number such as 8",
    float: "a number such as 0.5",
    bool: "true or false",
    str: "text",
    Path: "a path such as ./library",
}
WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """A Config, and where each of its values came from."""

    config: Config
    origin: Mapping[str, str]  # dotted name -> "flag ...", "environment ..." or "file ..."; defaults are absent
    file: Path  # the settings file, which need not exist
    ignored: Mapping[str, str] = field(default_factory=dict)  # what the library's own file says in vain -> why
    retired: tuple[str, ...] = ()  # sentences about values of an earlier version, and what took their place
    own: bool = True  # the file is the library's, and no flag or variable names it
    unread: str = ""  # why nothing of the library's own file holds; empty where it can be read

    @property
    def notices(self) -> tuple[Notice, ...]:
        """One for each setting that is ignored, or has a value of an earlier version, and for a file as a whole."""
        told = {f"the saved setting {_one_line(name)} is ignored": why for name, why in self.ignored.items()}
        ignored = (Notice(short=short, text=f"{short}: {why}") for short, why in told.items())
        whole = "the settings file of the library cannot be read, so none of it holds until it is mended"
        file = [Notice(short=whole, text=f"{whole}: {self.unread}")] if self.unread else []
        return (*file, *ignored, *(Notice(short=text, text=text) for text in self.retired))

    @property
    def saved_names(self) -> frozenset[str]:
        """Names of the settings that the library's own file says, and neither a flag nor the environment."""
        return frozenset(name for name, origin in self.origin.items() if self.own and origin.startswith("file "))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Given:
    """One value as somebody wrote it."""

    name: str  # dotted
    value: Any  # text from flags and environment, TOML's types from a file
    origin: str

    @property
    def is_text(self) -> bool:
        return not self.origin.startswith("file ")


def trace_settings(
    flags: Mapping[str, str], *, environ: Mapping[str, str], cwd: Path, forgiving: bool = False
) -> Settings:
    """The Config of this run, with the origin of every value that is not a default. ConfigError names what is unknown,
    mistyped or out of range, and who said it.

    What the library's own file says in vain is left out, and told, and so is all of it where it cannot be read; of a
    file that is named only if `forgiving`.
    """
    given = {one.name: one for one in _environment(environ)}
    given |= {name: _Given(name=name, value=v, origin=f"flag {name}") for name, v in flags.items() if name != "config"}
    data = _data_of(given)
    named = flags.get("config") or environ.get("DEEPSEEK_MM_CONFIG", "")
    path = cwd / (Path(named).expanduser() if named else data / "config.toml")
    found, ignored, unread = dict[str, _Given](), dict[str, str](), ""
    try:
        found = {one.name: one for one in _file(path, required=bool(named))}
    except ConfigError as error:
        if named:
            raise
        unread = str(error)
    if not named and "data" not in given and (reason := _moves(found.get("data"), data, path, cwd)):
        ignored["data"] = reason
        del found["data"]
    retired = _renew(found) + _renew(given)
    usable = found if named and not forgiving else _usable(found, given, ignored)
    given = usable | given
    given |= {one.name: one for one in _bind_key(given)}
    origin = {name: one.origin for name, one in given.items()}
    told = Settings(config=_build(given), origin=origin, file=path, ignored=ignored, retired=retired, own=not named)
    return replace(told, unread=unread)


def _usable(found: Mapping[str, _Given], explicit: Mapping[str, _Given], ignored: dict[str, str]) -> dict[str, _Given]:
    """All that can be used of the library's own file; why the rest cannot be is put into `ignored`.

    Another version may have written it, or a slip of the pen: that must not keep anybody out of a library.
    """
    if not _why_not({**found, **explicit}):
        return dict(found)
    usable: dict[str, _Given] = {}
    if _why_not(explicit):
        return usable  # what was said for this start is what is wrong
    for name, one in found.items():
        if reason := _why_not({**usable, name: one, **explicit}):
            ignored[name] = reason
        else:
            usable[name] = one
    return usable


def _renew(given: dict[str, _Given]) -> tuple[str, ...]:
    """Put what took its place where a value names a space of an earlier version; returns what to say of it."""
    one = given.get("encoder.name")
    if one is None or str(one.value) not in RETIRED_SPACES:
        return ()
    given[one.name] = replace(one, value=RETIRED_SPACES[one.value])
    return (f"{one.origin}: {retired_space(one.value)}",)


def _why_not(given: Mapping[str, _Given]) -> str:
    """Why these make no Config; empty where they do."""
    try:
        _build(given)
    except ConfigError as error:
        return str(error)
    return ""


def _moves(one: _Given | None, data: Path, path: Path, cwd: Path) -> str:
    """Why a file cannot say where its library lies; empty where it does not, or says it rightly."""
    try:
        moved = _convert(one, Path) if one else data
    except ConfigError as error:
        return str(error)
    if (cwd / moved).resolve() == (cwd / data).resolve():
        return ""
    return (
        f"{path} says data={str(moved)!r}, but lies in {data} itself. "
        f"Remove that line, or name the file with: --config {path}"
    )


def saved_values(file: Path) -> dict[str, Any]:
    """Dotted name -> value, as a settings file has them; none if it is absent. ConfigError if it cannot be read."""
    return {one.name: one.value for one in _file(file, required=False)}


def split_flags(pairs: Sequence[str]) -> dict[str, str]:
    """["rag.num_regions=8", ...] -> {"rag.num_regions": "8", ...}; the last of a name counts."""
    for pair in pairs:
        if "=" not in pair:
            raise ConfigError(f"{pair!r} sets nothing. Write NAME=VALUE, such as rag.num_regions=8")
    return {name.strip(): value for name, _, value in (pair.partition("=") for pair in pairs)}


def describe(config: Config, origin: Mapping[str, str] | None = None) -> str:
    """TOML that reads back as the same Config; with `origin`, a comment tells where each value came from."""
    sections: dict[str, list[str]] = {}
    for name, value in list_values(config):
        section, _, leaf = name.rpartition(".")
        comment = "" if origin is None else f"  # {_one_line(origin.get(name, 'default'))}"
        sections.setdefault(section, []).append(f"{leaf} = {_toml(value)}{comment}")
    blocks = ["\n".join([f"[{section}]"] * bool(section) + lines) for section, lines in sections.items()]
    return "\n\n".join(blocks) + "\n"


def _environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    for variable, value in sorted(environ.items()):
        if variable.startswith(PREFIX) and variable not in NOT_SETTINGS and value:
            name = variable.removeprefix(PREFIX).lower().replace("__", ".")
            yield _Given(name=name, value=value, origin=f"environment {variable}")


def _file(path: Path, *, required: bool) -> Iterator[_Given]:
    try:
        tree = read_toml(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        if required:
            make = f"python -m deepseek_mm config > {path}"
            raise ConfigError(f"no settings file at {path}. Make one with: {make}") from error
        return
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the settings in {path}: {error}. It must be a TOML file in UTF-8") from error
    for name, value in _leaves(tree, ""):
        yield _Given(name=name, value=value, origin=f"file {path}")


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _data_of(given: Mapping[str, _Given]) -> Path:
    return _convert(given["data"], Path) if "data" in given else Config().data


def _build(given: Mapping[str, _Given]) -> Config:
    types = _types(Config)
    for one in given.values():
        if one.name not in types:
            raise ConfigError(f"unknown setting {one.name} (from {one.origin}). {_nearest(one, types)}")
    values = {one.name: _convert(one, types[one.name]) for one in given.values()}
    top = {name: value for name, value in values.items() if "." not in name}
    names = [name for name, kind in get_type_hints(Config).items() if is_dataclass(kind)]
    sections = {name: _section(name, values, given) for name in names}
    return Config(**top, **sections)


def _bind_key(given: Mapping[str, _Given]) -> Iterator[_Given]:
    """The key goes to the servers that a flag or a variable names: whoever starts the program has named them."""
    one, known = given.get("lm.url"), given.get("lm.api_key_for")
    named = split_addresses(str(one.value)) if one and one.is_text else []
    origins = [_origin_of(address) for address in named if is_web_address(address)]
    if one and origins:
        more = [str(known.value)] if known else []
        yield _Given(name="lm.api_key_for", value=" ".join([*more, *dict.fromkeys(origins)]), origin=one.origin)


def _origin_of(address: str) -> str:
    """Scheme, host and port of an address, without a name or password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], path="", query="", fragment="").geturl()


def _section(name: str, values: Mapping[str, Any], given: Mapping[str, _Given]) -> Any:
    make: Any = get_type_hints(Config)[name]
    mine = {dotted: value for dotted, value in values.items() if dotted.startswith(f"{name}.")}
    try:
        return make(**{dotted.removeprefix(f"{name}."): value for dotted, value in mine.items()})
    except ConfigError as error:
        said = ", ".join(f"{dotted} from {given[dotted].origin}" for dotted in mine)
        raise ConfigError(f"{error} ({said})") from error


def _types(kind: Any, prefix: str = "") -> dict[str, type]:
    """Dotted name -> type, for every value below a config class."""
    found: dict[str, type] = {}
    for name, hint in get_type_hints(kind).items():
        found |= _types(hint, f"{prefix}{name}.") if is_dataclass(hint) else {f"{prefix}{name}": hint}
    return found


def list_values(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and value, plain values before sections, as TOML needs them."""
    found = [(f"{prefix}{field.name}", getattr(config, field.name)) for field in fields(config)]
    yield from ((name, value) for name, value in found if not is_dataclass(value))
    for name, value in found:
        if is_dataclass(value):
            yield from list_values(value, f"{name}.")


def _nearest(one: _Given, known: Mapping[str, type]) -> str:
    name = difflib.get_close_matches(one.name, known, n=1, cutoff=0)[0]
    if one.origin.startswith("environment "):
        name = PREFIX + name.upper().replace(".", "__")
    return f"The nearest is {name}; all of them: python -m deepseek_mm config"


def _convert(one: _Given, kind: type) -> Any:
    """The value in the field's type; text is parsed, TOML's types must fit."""
    try:
        return _parse(one.value, kind) if one.is_text else _fit(one.value, kind)
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{one.name}={one.value!r} (from {one.origin}) must be {EXPECTED[kind]}") from error


def _parse(text: str, kind: type) -> Any:
    if kind is bool:
        return WORDS[text.strip().lower()]
    return _fit(text, kind) if kind in (str, Path) else kind(text)


def _fit(value: Any, kind: type) -> Any:
    if kind is Path and isinstance(value, str) and value.strip():
        return Path(value).expanduser()
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{type(value).__name__} is not {kind.__name__}")
    return value


def _toml(value: Any) -> str:
    """A TOML value. JSON's strings are TOML's, but for the DEL character."""
    if isinstance(value, str | Path):
        return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _one_line(text: str) -> str:
    """Safe inside a comment: a path may hold control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
