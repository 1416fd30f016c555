"""Packages that may be read: by what they say of their licence, without what they copied from others."""

import pytest

from deepseek_mm.parse.packages import is_allowed, packages, prose_of, read_source


@pytest.mark.parametrize(
    ("expression", "classifiers", "field", "allowed"),
    [
        ("MIT", [], "", True),
        ("Apache-2.0 OR GPL-3.0-only", [], "", True),
        ("MIT AND PSF-2.0", [], "", True),
        ("MIT AND GPL-3.0-only", [], "", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", [], "", False),
        ("GPL-3.0-only", ["License :: OSI Approved :: MIT License"], "MIT", False),
        ("", ["License :: OSI Approved", "License :: OSI Approved :: BSD License"], "", True),
        (
            "",
            ["License :: OSI Approved :: MIT License", "License :: OSI Approved :: GNU General Public License"],
            "",
            False,
        ),
        ("", ["Topic :: Software"], "BSD 3-Clause License", True),
        ("", [], "MPL-2.0 AND MIT", False),
        ("", [], "MIT" + " and a long text" * 10, False),
        ("", [], "", False),
    ],
)
def test_a_licence_is_read_from_the_plainest_word_there_is(expression, classifiers, field, allowed):
    assert is_allowed(expression, classifiers, field) is allowed


@pytest.mark.campaign(times=1, only=True)
def test_the_packages_at_hand_are_sorted_and_their_files_are_neither_tests_nor_copies():
    found = packages(10_000)
    names = [package.name for package in found]
    assert names == sorted(names)
    assert {"fastapi", "python json", "scikit-learn"} <= set(names)
    assert not {"certifi", "tqdm", "text-unidecode"} & set(names)  # MPL, MPL and MIT, Artistic
    parts = {part for package in found for path in package.files for part in path.parts[-4:-1]}
    assert not {"tests", "test", "_vendor"} & parts
    assert packages(3) == found[:3]


def test_a_file_that_nobody_wrote_or_that_is_no_text_is_empty(tmp_path):
    for name, data in (("short", b"x = 1"), ("wide", b"x = '" + b"a" * 900 + b"'"), ("bytes", b"\xff" * 900)):
        (tmp_path / name).write_bytes(data)
        assert read_source(tmp_path / name) == ""
    (tmp_path / "good").write_text("value = 1\n" * 90)
    assert len(read_source(tmp_path / "good")) == 900
    assert read_source(tmp_path / "absent") == ""


def test_prose_is_the_longer_docstrings_without_examples_of_code():
    long = "This function says many things. " * 8
    told = (long, "Short.", f"{long} >>> b()", f"{long}C")
    text = "\n".join(f'def f{n}():\n    """{each}"""\n' for n, each in enumerate(told))
    assert prose_of(text) == f"{long.strip()}\n\n{long}C"
    assert prose_of("def broken(") == ""
