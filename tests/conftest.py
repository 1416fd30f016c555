"""What every test may ask for. Small, seeded, offline."""

import gc
import os
import re
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from functools import wraps

import pytest
from warm_start import warm_starts

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # several processes test at once: more threads would wait for each other
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts what it puts in the background deaf to Ctrl-C,
    signal.signal(signal.SIGINT, signal.default_int_handler)  # and the programs that tests interrupt would inherit that

LONGEST = (  # files of half a minute and more beside others, with a browser in every second one
    "test_journey_real.py", "test_readme.py", "test_page_ask.py", "test_api_fuzz.py", "test_page_models.py",
    "test_visibility_matrix.py", "test_page_settings.py", "test_read_only.py", "test_page_axe.py",
    "test_api_agents_mcp_server.py", "test_page_search.py", "test_lm_reference.py", "test_page_library.py",
    "test_runtime_towers.py", "test_page_history.py", "test_main_index.py", "test_page_injection.py",
    "test_api_states.py", "test_page_rights.py", "test_vision_ocr.py", "test_page_code.py", "test_ssrf.py",
    "test_journey.py", "test_training_alignment.py", "test_answering_intents.py", "test_scene_real.py",
    "test_lm_gguf_models.py", "test_lm_engine_trouble.py",
)  # fmt: skip
LABORATORY = re.compile(r"test_(benchmarks|evaluation|experiments|train|training|main_eval|main_quantize)(_\w+)?\.py")


gc.disable()  # until all is collected: half of that time was the search for garbage among a million new objects


def pytest_configure(config):
    """Processes that take files apart outlive the assistant of a test: one for each test took a third of all time.
    Pages are started by one process of the whole run.
    """
    from deepseek_mm.parse.workers import client

    client.close_workers = lambda: None  # what an assistant calls at its end
    copy_empty_databases()
    if sys.platform == "linux" and not hasattr(config, "workerinput"):
        starts = warm_starts()
        starts.__enter__()
        config.add_cleanup(lambda: starts.__exit__(None, None, None))


def copy_empty_databases():
    """The first empty database of a kind is made as the product makes it, and later ones are copies with identities
    of their own: most tests begin with three or four, whose tables took a tenth of all time. Kinds that a test makes up
    are made each time, and all are where a test asks for `made_anew`.
    """
    from deepseek_mm.storage.counters import RENEW, new_identity
    from deepseek_mm.storage.sqlite_database import SqliteDatabase

    fill, made = SqliteDatabase._fill, {}

    @wraps(fill)
    def fill_draft(database, draft):
        kind = database.schema
        if (empty := made.get(id(kind))) is not None:
            draft.write_bytes(empty)
            if kind.counted:
                with closing(sqlite3.connect(draft, isolation_level=None)) as driver:
                    driver.execute("PRAGMA synchronous = OFF")
                    driver.execute(RENEW, (new_identity(),))
            return
        fill(database, draft)
        if getattr(sys.modules[kind.create.__module__], "__package__", "").partition(".")[0] in (
            "deepseek_mm",
            "index",
        ):
            made[id(kind)] = draft.read_bytes()

    SqliteDatabase._fill = fill_draft


def pytest_collection_finish():
    """What was collected stays until the end: no search for garbage looks at it again."""
    gc.freeze()
    gc.enable()


def pytest_sessionfinish():
    """They end with the process that tests."""
    from deepseek_mm.parse.workers.pool import shared_pool

    shared_pool().close()


@pytest.fixture
def made_anew(monkeypatch):
    """Every database is made as the product makes it."""
    from deepseek_mm.storage.sqlite_database import SqliteDatabase

    monkeypatch.setattr(SqliteDatabase, "_fill", SqliteDatabase._fill.__wrapped__)


@pytest.fixture
def campaign_run(request):
    """Which repetition this is; counted from 0."""
    return request.param


def pytest_generate_tests(metafunc):
    """`@pytest.mark.campaign(times=30)`: once in `make test`, thirty times in `make campaign` (CAMPAIGN=1)."""
    mark = metafunc.definition.get_closest_marker("campaign")
    if mark and os.environ.get("CAMPAIGN"):
        metafunc.fixturenames.append("campaign_run")
        metafunc.parametrize("campaign_run", range(mark.kwargs["times"]), indirect=True)


def pytest_collection_modifyitems(config, items):
    """`@pytest.mark.campaign(times=1, only=True)`, of a test or of one of its cases: in `make campaign` alone.

    A browser, a server and four test processes share two cores in `make test`: what fails in the browser there is tried
    once more, and named in the summary as RERUN. `make campaign` and STRICT=1 give no second try. What belongs to the
    laboratory carries the marker `lab`, by the name of its file: `make test ARGS="-m 'not lab'"` leaves it out.
    """
    for item in items:
        if LABORATORY.fullmatch(item.path.name):
            item.add_marker("lab")
        if item.get_closest_marker("browser") and not (os.environ.get("CAMPAIGN") or os.environ.get("STRICT")):
            item.add_marker(pytest.mark.flaky(reruns=1))
        if any(mark.kwargs.get("only") for mark in item.iter_markers("campaign")) and not os.environ.get("CAMPAIGN"):
            item.add_marker(pytest.mark.skip(reason="takes long: make campaign"))
    if hasattr(config, "workerinput"):
        put_longest_first(items)


def put_longest_first(items):
    """What begins last ends last: xdist alone begins with the files of most tests, and ends with single long ones."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    num = Counter(item.path.name for item in items)
    items.sort(key=lambda item: (rank.get(item.path.name, len(rank)), -num[item.path.name], item.path.name))


@pytest.fixture(scope="module")
def chromium():
    """A browser for a module's visitors, with a camera that films a test picture."""
    from browsing import CAMERA, chromium_of  # only tests with a browser need Playwright

    with chromium_of(*CAMERA) as browser:
        yield browser


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One page on paper for all whom a shared library does not disturb: every visitor is a browser of its own."""
    from serving import serving

    with serving(tmp_path_factory.mktemp("served") / "library") as server:
        yield server


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The house with the weights that come along, an empty library, and no language model."""
    from dataclasses import replace

    from deepseek_mm.config import Config
    from deepseek_mm.factory import load

    config = Config(data=tmp_path_factory.mktemp("library"))
    with load(replace(config, lm=replace(config.lm, name="none"))) as assistant:
        yield assistant


@pytest.fixture
def path(tmp_path):
    """Where a history lies."""
    return tmp_path / "history.db"


@pytest.fixture
def history(path):
    """An empty history."""
    from deepseek_mm.history import History

    with closing(History(path)) as history:
        yield history


@pytest.fixture
def reader(chromium, served):
    """Somebody who reads the History tab; nothing may have gone wrong in the browser meanwhile."""
    from past_reader import Reader

    reader = Reader(chromium, served.url)
    yield reader
    assert reader.errors == []
    reader.context.close()


@pytest.fixture(autouse=bool(os.environ.get("STORAGE_URL")))
def keep_on_server(monkeypatch):
    """With STORAGE_URL set, what would be kept in files lies on that server: see `storage_contract`."""
    import storage_contract

    storage_contract.keep_on_server(monkeypatch.setattr)
