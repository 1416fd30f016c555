"""Texts that a regular expression fits."""

import re

import pytest

from deepseek_mm.answering.drafts.pattern_samples import sample_pattern


@pytest.mark.parametrize(
    ("pattern", "samples"),
    [
        (r"([A-Z]{2})-(\d+)", ["BB-7"]),
        (r"v?(?P<major>\d+)(\.\d+)*$", ["v7.7", "7"]),
        (r"(a)\1b*", ["aab", "aa"]),
        (r"red|green", ["red", "green"]),
        (r"[^ab]\s?x", ["c x", "cx"]),
        (r"(?i:on|off)", ["on", "off"]),
    ],
)
def test_samples_are_made_part_by_part(pattern, samples):
    assert sample_pattern(pattern) == samples
    assert all(re.search(pattern, sample) for sample in samples)


@pytest.mark.parametrize("pattern", ["(", r"(?=b)a", r"a{500}", ""])
def test_what_is_no_pattern_or_fits_nothing_short_has_none(pattern):
    assert sample_pattern(pattern) == []
