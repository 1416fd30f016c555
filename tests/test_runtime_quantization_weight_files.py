"""Files of quantised weights: they come back as they were, or are refused with the reason."""

import dataclasses

import pytest
import torch

from deepseek_mm.errors import BadCheckpoint, MissingWeights
from deepseek_mm.runtime.quantization.weight_files import (
    VERSION,
    QuantizedFileInfo,
    read_quantized,
    write_quantized,
)

TOLD = QuantizedFileInfo(scheme="lm-fp4", base="ab" * 32, full_bytes=4_000, calibrated="nothing", made="by hand")
TENSORS = {"a.codes": torch.arange(64, dtype=torch.uint8).view(8, 8), "a.whole": torch.tensor(0.5)}
WANTED = {name: (value.dtype, tuple(value.shape)) for name, value in TENSORS.items()}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "lm-fp4.safetensors"
    write_quantized(path, TENSORS, TOLD)
    return path


def read(file, **changed):
    return read_quantized(file, **{"scheme": TOLD.scheme, "base": TOLD.base, "wanted": WANTED, **changed})


def test_what_was_written_is_read_and_its_card_says_what_it_is(file):
    kept = read(file)
    assert all(torch.equal(kept.tensors[name], value) for name, value in TENSORS.items())
    assert (kept.info, kept.bytes) == (TOLD, file.stat().st_size)
    assert kept.share == file.stat().st_size / 4_000
    card = file.with_suffix(".md").read_text()
    assert all(word in card for word in (TOLD.base, TOLD.made, f"{kept.bytes:,} bytes"))


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path):
    with pytest.raises(MissingWeights, match="python -m deepseek_mm quantize lm-fp4"):
        read(tmp_path / "none.safetensors")


@pytest.mark.parametrize("place", [9, 200, -1, -40])
def test_one_changed_byte_is_found_wherever_it_is(file, place):
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)
    with pytest.raises(BadCheckpoint, match="is refused: .*Make it again with: python -m deepseek_mm quantize"):
        read(file)


@pytest.mark.parametrize("left", [0, 5, 60, -1])
def test_a_torn_file_is_refused(file, left):
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(BadCheckpoint, match="is refused"):
        read(file)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"base": "cd" * 32}, "its base is 'abab"),
        ({"scheme": "lm-int8"}, "its scheme is 'lm-fp4', and 'lm-int8' is needed"),
        ({"wanted": {**WANTED, "b": (torch.int8, (1,))}}, "1 tensors such as b are missing"),
        ({"wanted": {"a.whole": WANTED["a.whole"]}}, "1 tensors such as a.codes are foreign"),
        ({"wanted": {**WANTED, "a.codes": (torch.uint8, (4, 16))}}, r"a.codes is torch.uint8 of shape \(8, 8\)"),
    ],
)
def test_a_file_for_something_else_is_refused_with_the_reason(file, changed, reason):
    with pytest.raises(BadCheckpoint, match=reason):
        read(file, **changed)


def test_another_version_of_the_format_is_refused(file, monkeypatch):
    monkeypatch.setattr("deepseek_mm.runtime.quantization.weight_files.VERSION", VERSION + 1)
    with pytest.raises(BadCheckpoint, match="its version of the format is '1', and '2' is needed"):
        read(file)


def test_what_a_file_says_of_itself_is_covered_by_the_digest(file):
    data = file.read_bytes()
    file.write_bytes(data.replace(b"nothing", b"nothinG"))
    with pytest.raises(BadCheckpoint, match="the digest differs"):
        read(file)
    assert dataclasses.replace(TOLD, base="x") != TOLD
