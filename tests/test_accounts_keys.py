"""Keys: random, shown once, kept as hashes, each with its rights; and a file that several may change."""

import json
import stat
import subprocess
import sys

import pytest

from deepseek_mm.accounts import keys as module
from deepseek_mm.accounts.keys import Keys, digest_of
from deepseek_mm.accounts.permissions import RIGHTS
from deepseek_mm.errors import BadQuestion, Conflict, LibraryError, NothingThere


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path)


def test_a_key_is_found_by_its_text_and_by_nothing_else(keys):
    secret = keys.add("laptop", ("ask", "page"))
    assert keys.find(secret).name == "laptop"
    assert keys.find(secret).rights == {"ask", "page"}
    for wrong in ("", secret[:-1], secret + "A", secret.swapcase(), "\udcff", "A" * 10_000):
        assert keys.find(wrong) is None


def test_a_key_has_256_random_bits_and_the_file_does_not_hold_it(keys):
    secret = keys.add("laptop", ("ask",))
    assert len(secret.removeprefix("dsmm_")) == 43  # 43 * 6 bits >= 256
    assert secret.removeprefix("dsmm_") not in keys.path.read_text()
    assert len({keys.add(f"k{n}", ("ask",)) for n in range(50)}) == 50


def test_only_the_owner_may_read_the_file_with_the_keys(keys):
    keys.add("laptop", ("ask",))
    assert stat.S_IMODE(keys.path.stat().st_mode) == 0o600


def test_a_file_that_others_could_put_keys_into_is_refused(keys):
    keys.add("laptop", ("ask",))
    keys.path.chmod(0o620)
    with pytest.raises(LibraryError, match=r"others may write them\. Run: chmod 600"):
        Keys(keys.path.parent)


def test_every_key_is_compared_in_full_even_after_one_has_fitted(keys, monkeypatch):
    secrets = [keys.add(f"k{n}", ("ask",)) for n in range(4)]
    compared, real = [], module.hmac.compare_digest
    monkeypatch.setattr(module.hmac, "compare_digest", lambda a, b: compared.append((len(a), len(b))) or real(a, b))
    for shown in (*secrets, "dsmm_wrong"):
        compared.clear()
        keys.find(shown)
        assert compared == [(32, 32)] * 4


def test_the_same_key_with_another_salt_has_another_hash(keys):
    assert digest_of("dsmm_a", b"1" * 16) != digest_of("dsmm_a", b"2" * 16)


def test_each_key_has_conversations_of_its_own_also_when_its_name_is_used_again(keys):
    first = keys.find(keys.add("laptop", ("ask",))).who()
    keys.remove("laptop")
    second = keys.find(keys.add("laptop", ("ask",))).who()
    assert first.name == second.name
    assert first.session != second.session
    assert first.session.startswith("key:")


def test_a_key_that_another_process_makes_or_removes_counts_at_once(keys):
    other = Keys(keys.path.parent)
    secret = other.add("phone", RIGHTS)
    assert keys.find(secret).name == "phone"
    other.remove("phone")
    assert keys.find(secret) is None


@pytest.mark.parametrize(
    ("name", "rights", "error", "says"),
    [
        ("", ("ask",), BadQuestion, "no name for a key"),
        ("two words", ("ask",), BadQuestion, "no name for a key"),
        ("x" * 41, ("ask",), BadQuestion, "no name for a key"),
        ("a\nb", ("ask",), BadQuestion, "no name for a key"),
        ("phone", (), BadQuestion, "nothing are no rights. Take some of: ask,library,settings,page,run"),
        ("phone", ("ask", "root"), BadQuestion, "ask,root are no rights"),
        ("laptop", ("ask",), Conflict, "keys remove laptop"),
    ],
)
def test_what_makes_no_key_is_refused_with_the_reason(keys, name, rights, error, says):
    keys.add("laptop", ("ask",))
    with pytest.raises(error, match=says):
        keys.add(name, rights)
    assert [key.name for key in keys.all()] == ["laptop"]


def test_a_key_that_is_not_there_cannot_be_removed(keys):
    with pytest.raises(NothingThere, match="keys list"):
        keys.remove("laptop")


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]",
        b'{"keys": 3}',
        b'{"keys": [{}]}',
        b'{"keys": ["a"]}',
        b"\xff\xfe",
        b"null",
    ],
)
def test_a_damaged_file_is_refused_with_its_reason_and_the_next_step(keys, damage):
    secret = keys.add("laptop", ("ask",))
    keys.path.write_bytes(damage)
    with pytest.raises(LibraryError, match=r"the file is damaged .*\. Move it away and make new keys: mv "):
        keys.find(secret)
    with pytest.raises(LibraryError, match="the file is damaged"):
        Keys(keys.path.parent)


@pytest.mark.parametrize("change", [{"rights": ["root"]}, {"digest": "AAAA"}, {"salt": "??"}, {"name": "a b"}])
def test_a_row_that_was_tampered_with_makes_the_whole_file_damaged(keys, change):
    keys.add("laptop", ("ask",))
    tree = json.loads(keys.path.read_text())
    tree["keys"][0] |= change
    keys.path.write_text(json.dumps(tree))
    with pytest.raises(LibraryError, match="the file is damaged"):
        keys.all()


def test_two_processes_that_add_keys_at_once_lose_none(keys):
    code = (
        "import sys; from pathlib import Path; from deepseek_mm.accounts.keys import Keys\n"
        "keys = Keys(Path(sys.argv[1])); print('ready', flush=True); sys.stdin.readline()\n"
        "for n in range(40): keys.add(f'{sys.argv[2]}{n}', ('ask',))"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(keys.path.parent), letter], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for letter in "ab"
    ]
    assert [one.stdout.readline() for one in both] == [b"ready\n"] * 2
    for one in both:
        one.stdin.write(b"go\n")
        one.stdin.flush()
    assert [one.wait(60) for one in both] == [0, 0]
    assert {key.name for key in keys.all()} == {f"{letter}{n}" for letter in "ab" for n in range(40)}
