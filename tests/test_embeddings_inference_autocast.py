"""Rounded weights of small nets: the same vectors and readings, and nothing where 32 bits are wanted."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fakes import picture
from plan_help import planned_in
from torch import nn

from deepseek_mm.benchmarks.answer import compute_in_fp32
from deepseek_mm.embeddings.default import DefaultSpace
from deepseek_mm.embeddings.inference import autocast_bf16, keep_dtype, round_linears
from deepseek_mm.factory import small_nets
from deepseek_mm.vision.pipeline import ImageAnalysis
from deepseek_mm.vision.vqa import read_reader
from deepseek_mm.vision.vqa_net import VqaQuestion

has_bf16 = pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="the processor has no bfloat16")


@pytest.fixture
def eyes():
    space = DefaultSpace()
    return SimpleNamespace(space=space, reader=read_reader(space), describer=None)


def told(eyes):
    image = picture("red")
    (look,) = eyes.space.look_many([image])
    (reading,) = eyes.reader.read_many([(VqaQuestion.of("Is it red?"), ImageAnalysis(image))])
    return look.vector_D, eyes.space.embed_texts(["a kite"]), reading


@has_bf16
def test_work_in_another_thread_computes_with_the_numbers_of_who_asked():
    def dtype():
        with autocast_bf16():
            return torch.ones(2, 2).mm(torch.ones(2, 2)).dtype

    with ThreadPoolExecutor(1) as other:
        with compute_in_fp32():
            assert other.submit(keep_dtype(dtype)).result() is torch.float32
        assert other.submit(dtype).result() is torch.bfloat16  # the thread has its own again
        assert other.submit(keep_dtype(dtype)).result() is torch.bfloat16


@has_bf16
def test_vectors_and_readings_are_the_same_but_for_the_rounding_of_a_bias(eyes, tmp_path):
    before = told(eyes)
    assert round_linears(small_nets(eyes, planned_in(tmp_path).plan)) > 20
    after = told(eyes)
    np.testing.assert_array_equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    assert (before[2].chances, before[2].noticed) == (after[2].chances, after[2].noticed)
    np.testing.assert_allclose(before[2].heat_GG, after[2].heat_GG, rtol=0.02)
    assert eyes.space.model.image_head.value.weight.dtype is torch.bfloat16
    assert eyes.space.model.image_head.norm.weight.dtype is torch.float32  # what norms need


def test_a_plan_in_32_bits_stays_in_32_bits(eyes, tmp_path):
    plan = replace(planned_in(tmp_path).plan, image="torch-fp32")
    assert round_linears(small_nets(eyes, plan)) == 0
    assert eyes.space.model.image_head.value.weight.dtype is torch.float32


def test_a_processor_without_bfloat16_keeps_its_weights(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    net = nn.Linear(2, 2)
    assert round_linears([net]) == 0
    assert net.weight.dtype is torch.float32
