"""A calibration over a tiny space: what is measured, what is refused, what is kept, and what a start does with it."""

import json

import numpy as np
import pytest
import torch
from fakes import ColourSpace, picture
from towers_help import TinySpace

from deepseek_mm.config import Config, RuntimeConfig
from deepseek_mm.errors import NothingThere
from deepseek_mm.runtime.calibration import FILE, calibrate, read_timings, table, write_timings
from deepseek_mm.runtime.engines import BY_NAME, EngineRow, Timing
from deepseek_mm.runtime.hardware import GIB, Hardware, probe
from deepseek_mm.runtime.machine_plan import fit, plan_here
from deepseek_mm.runtime.towers import backends as installing
from deepseek_mm.runtime.towers.backends import carry_out, engines_folder
from deepseek_mm.runtime.towers.parts import Samples

MACHINE = Hardware(cores=2, memory_bytes=8 * GIB, available_bytes=8 * GIB, packages=probe().packages)


@pytest.fixture
def samples(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, colour in enumerate(("red", "green", "blue", "white", "black", "yellow")):
        picture(colour).save(folder / f"{n}-{colour}.jpg")
    return Samples(folder=folder)


def measured(space, samples, tmp_path, *rows):
    return calibrate(space, MACHINE, tmp_path / "engines", rows=rows, samples=samples)


def test_an_exact_engine_is_wholly_alike_and_a_rounding_one_almost(samples, tmp_path):
    rows = [BY_NAME[name] for name in ("torch", "torch-fp32", "torch-bf16")]
    timings = measured(TinySpace(), samples, tmp_path, *rows)
    assert [(t.tower, t.engine) for t in timings[:4]] == [
        ("image", "torch"), ("image", "torch-fp32"), ("image", "torch-bf16"), ("text", "torch"),
    ]  # fmt: skip
    exact, rounded = timings[1], timings[2]
    assert exact.cosine == pytest.approx(1.0, abs=1e-5)
    assert 0.99 < rounded.worst_cosine <= rounded.cosine < 1.0 + 1e-5
    assert (rounded.size_bytes, exact.one_ms > 0, exact.many_ms > 0) == (exact.size_bytes // 2, True, True)


def test_an_engine_that_raises_is_refused_with_its_words_and_the_space_goes_on(samples, tmp_path, monkeypatch):
    def broken(part, row, folder):
        raise ValueError("this processor is too old\nand more")

    space = TinySpace()
    before = space.embed_texts(["a dog"])
    monkeypatch.setitem(installing.OPENERS, "openvino", broken)
    row = EngineRow(name="openvino-fp32", maker="openvino", numbers="fp32")
    timings = measured(space, samples, tmp_path, row)
    assert [timing.refused for timing in timings] == ["this processor is too old"] * 2
    assert np.array_equal(space.embed_texts(["a dog"]), before)
    assert "refused: this processor is too old" in table(timings)


def test_what_a_machine_cannot_have_is_not_tried(samples, tmp_path):
    assert measured(TinySpace(), samples, tmp_path, BY_NAME["cuda-bf16"], BY_NAME["onnxruntime-tensorrt"]) == []


def test_without_photos_it_says_where_to_run_it(tmp_path):
    with pytest.raises(NothingThere, match="clone of the repository"):
        calibrate(TinySpace(), MACHINE, tmp_path, samples=Samples(folder=tmp_path))


def test_pictures_that_set_scales_are_not_those_that_compare(samples):
    seen = {file.name for file in samples.files()[::2]}
    assert len(samples.pictures()) == 3
    assert seen.isdisjoint(file.name for file in samples.files()[1::2])
    assert sum(len(batch[0]) for batch in samples.pixels()) == 3


def test_timings_come_back_as_they_were_kept_and_damaged_ones_not_at_all(tmp_path):
    timings = (Timing(tower="image", engine="openvino-bf16", one_ms=1.5, cosine=0.99),)
    write_timings(tmp_path, timings)
    assert read_timings(tmp_path) == timings
    for damaged in ("{", "[1]", '[{"tower": "image", "engine": "torch", "speed": 3}]', "null"):
        (tmp_path / FILE).write_text(damaged)
        assert read_timings(tmp_path) == ()


def test_an_engine_that_left_the_table_is_forgotten(tmp_path):
    (tmp_path / FILE).write_text(json.dumps([{"tower": "image", "engine": "steam"}]))
    assert read_timings(tmp_path) == ()


def test_a_plan_rests_on_what_was_measured_for_this_space_and_machine(tmp_path):
    folder = engines_folder(tmp_path, TinySpace.fingerprint, MACHINE)
    write_timings(folder, [Timing(tower="text", engine="torch-bf16", one_ms=1, many_ms=1, cosine=1.0)])
    here = plan_here(Config(), TinySpace(), cache=tmp_path, hardware=MACHINE).plan
    assert (here.text, here.image, here.measured) == ("torch-bf16", "torch", True)
    other = TinySpace()
    other.fingerprint = "another"
    assert plan_here(Config(), other, cache=tmp_path, hardware=MACHINE).plan.text == "torch"


def test_an_engine_that_does_not_open_falls_back_to_torch_and_is_told(tmp_path, monkeypatch):
    def broken(part, row, folder):
        raise RuntimeError("out of luck")

    monkeypatch.setitem(installing.OPENERS, "torch", broken)
    config = Config(runtime=RuntimeConfig(engine="torch-bf16"))
    plan = plan_here(config, TinySpace(), cache=tmp_path, hardware=MACHINE).plan
    said = []
    space = TinySpace()
    lower = space.model.image_tower["lower"]
    done = carry_out(plan, space, tmp_path, said.append)
    assert (plan.image, done.image, done.text) == ("torch-bf16", "torch", "torch")
    assert said == list(done.fell_back)
    assert all("out of luck" in line for line in said)
    assert space.model.image_tower["lower"] is lower


def test_a_space_of_another_kind_stays_as_it_is_and_nothing_fails(tmp_path):
    plan = fit(ColourSpace(), Config(), cache=tmp_path, say=lambda line: None).plan
    assert (plan.image, plan.dial) == ("torch", "balanced")


def test_a_start_puts_in_what_the_plan_names(tmp_path):
    space, said = TinySpace(), []
    before = space.embed_texts(["a dog"])
    config = Config(runtime=RuntimeConfig(engine="torch-fp32"))
    assert fit(space, config, cache=tmp_path, say=said.append).plan.image == "torch-fp32"
    assert said == ["computing pictures by torch-fp32 and text by torch-fp32"]
    assert type(space.model.packaged_upper).__name__ == "AsMap"
    np.testing.assert_allclose(space.embed_texts(["a dog"]), before, atol=1e-5)


def test_autocast_leaves_an_exact_engine_alone(tmp_path):
    space = TinySpace()
    installing.install(space.model, installing.parts_of(space, "image", Samples()), BY_NAME["torch-fp32"], tmp_path)
    x = torch.rand(1, 3, 260, 260)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        assert space.model.image_tower["lower"](x).dtype is torch.float32
