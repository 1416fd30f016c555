"""Keys, guesses and logins that several servers have in common; left out where PostgreSQL is not installed."""

from contextlib import closing
from time import monotonic

import pytest

from deepseek_mm.accounts import shared_access
from deepseek_mm.accounts.guesses import LONGEST_WAIT_S, wait_after
from deepseek_mm.accounts.keys import Keys
from deepseek_mm.accounts.shared_access import SharedAccess, open_key_ring
from deepseek_mm.benchmarks.servers import has_postgres, postgres_server
from deepseek_mm.config import Config
from deepseek_mm.errors import Conflict, NothingThere
from deepseek_mm.storage_config import StorageConfig

needs_server = pytest.mark.skipif(not has_postgres(), reason="postgresql-17 is not installed")


@pytest.fixture(scope="module")
def server():
    with postgres_server() as running:
        yield running


@pytest.fixture
def config(server, tmp_path):
    prefix = f"a{abs(hash(str(tmp_path))) % 10**9}"
    return Config(data=tmp_path, storage=StorageConfig(url=server.url(), prefix=prefix))


@pytest.fixture
def two(config, monkeypatch):
    """What two servers hold."""
    monkeypatch.setattr(shared_access, "KEPT_S", 0.0)
    with closing(SharedAccess.of(config)) as one, closing(SharedAccess.of(config)) as other:
        yield one, other


def test_a_library_in_files_keeps_its_keys_in_its_folder(tmp_path):
    config = Config(data=tmp_path)
    assert SharedAccess.of(config) is None
    with open_key_ring(config) as keys:
        keys.add("laptop", ["ask"])
    assert [key.name for key in Keys(tmp_path).all()] == ["laptop"]


@needs_server
def test_a_key_that_one_server_makes_or_removes_is_known_or_unknown_to_the_other(two):
    one, other = (shared.keys for shared in two)
    secret = one.add("laptop", ["ask", "page"], lasts_days=2)
    found = other.find(secret)
    assert (found.name, found.rights) == ("laptop", {"ask", "page"})
    assert found == one.find(secret)
    with pytest.raises(Conflict, match="already"):
        other.add("laptop", ["ask"])
    other.remove("laptop")
    assert one.find(secret) is None
    with pytest.raises(NothingThere, match="no key"):
        one.remove("laptop")


@needs_server
def test_keys_that_were_read_are_good_for_a_moment(config):
    with closing(SharedAccess.of(config)) as one, closing(SharedAccess.of(config)) as other:
        keys, theirs = one.keys, other.keys
        secret = keys.add("laptop", ["ask"])
        assert keys.find(secret) is not None
        theirs.remove("laptop")
        assert keys.find(secret) is not None  # until KEPT_S later
        keys._good_until = 0.0
        assert keys.find(secret) is None


@needs_server
def test_keys_of_a_folder_are_taken_over_once(config, two):
    of_folder = Keys(config.data)
    secret = of_folder.add("laptop", ["ask"])
    for _ in range(2):
        two[0].keys.take_over(of_folder.all())
    assert [key.name for key in two[1].keys.all()] == ["laptop"]
    assert two[1].keys.find(secret) is not None


@needs_server
def test_wrong_keys_count_wherever_they_were_shown_and_each_kind_for_itself(two):
    one, other = (shared.keys.count_guesses("key", monotonic, free=2) for shared in two)
    names = two[0].keys.count_guesses("password", monotonic, free=2)
    assert one.wait_s("10.0.0.1") == 0
    for guesses in (one, other, one):
        guesses.count("10.0.0.1")
    assert one.wait_s("10.0.0.1") == other.wait_s("10.0.0.1") == wait_after(3, free=2)
    assert (one.wait_s("10.0.0.2"), names.wait_s("10.0.0.1")) == (0, 0)
    other.forget("10.0.0.1")
    assert one.wait_s("10.0.0.1") == 0


@needs_server
def test_many_wrong_keys_never_wait_longer_than_the_longest(two):
    guesses = two[0].keys.count_guesses("key", monotonic, free=0)
    for _ in range(12):
        guesses.count("10.0.0.1", "anna")
    assert guesses.wait_s("10.0.0.1", "anna") == LONGEST_WAIT_S


@needs_server
def test_a_login_with_a_key_counts_at_every_server_until_it_ends(two):
    one, other = (shared.keys.keep_logins(monotonic, lasts_s=60) for shared in two)
    token = one.begin("key-1")
    assert (other.key_id(token), other.key_id("another")) == ("key-1", None)
    other.end(token)
    assert one.key_id(token) is None
    assert one.key_id(two[0].keys.keep_logins(monotonic, lasts_s=-1).begin("key-1")) is None
