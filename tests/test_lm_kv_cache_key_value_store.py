import subprocess
import sys
from pathlib import Path

import torch

from deepseek_mm.lm.kv_cache.key_value_store import PAGE, KeyValueCache, LayerGroup

ROOT = Path(__file__).parent.parent
ALL = LayerGroup(slots=(0, 2), kv_heads=3, head_width=8, tops=(2,))
NEAR = LayerGroup(slots=(1,), kv_heads=1, head_width=4, window=32)


def filled():
    """A cache of four pages a group, and what was written into rows 40 .. 99 of slot 2."""
    torch.manual_seed(1)
    cache = KeyValueCache((ALL, NEAR), (4, 4), like=torch.zeros(()))
    k, v = torch.randn(60, 3, 8), torch.randn(60, 3, 8)
    cache.write(2, torch.arange(40, 100), k, v)
    return cache, k, v


def test_rows_come_back_as_they_were_written_and_others_stay_empty():
    cache, k, v = filled()
    keys, values = cache.gather(2, torch.tensor([99, 40, 3]))
    assert torch.equal(keys, torch.stack((k[59], k[0], torch.zeros(3, 8)), 1))
    assert torch.equal(values[:, :2], v[[59, 0]].transpose(0, 1))
    assert not cache.gather(0, torch.arange(128))[0].any()


def test_a_view_reads_the_memory_itself_and_copies_nothing():
    cache, k, _ = filled()
    view, _ = cache.view(2, 50, 20)
    assert torch.equal(view, k[10:30].transpose(0, 1))
    cache.write(2, torch.tensor([50]), torch.ones(1, 3, 8), torch.ones(1, 3, 8))
    assert (view[:, 0] == 1).all()


def test_a_gather_of_any_size_is_right_in_and_out_of_inference_mode():
    cache, k, _ = filled()
    for first, last in ((40, 44), (40, 99), (60, 70)):
        with torch.inference_mode(first == 40):
            keys, _ = cache.gather(2, torch.arange(first, last))
            assert torch.equal(keys, k[first - 40 : last - 40].transpose(0, 1))


def test_every_head_can_pick_rows_of_its_own():
    cache, _, _ = filled()
    rows = torch.tensor([[41, 3, 60], [99, 99, 98], [127, 64, 65]])
    for shelf, everything in zip(cache.pick(2, rows), cache.view(2, 0, 4 * PAGE), strict=True):
        for head in range(3):
            assert torch.equal(shelf[head], everything[head, rows[head]])


def test_rows_that_are_cleared_hold_nothing_whatever_lay_there():
    cache, _, _ = filled()
    cache.write(2, torch.tensor([70]), torch.full((1, 3, 8), torch.nan), torch.full((1, 3, 8), torch.inf))
    cache.clear(2, torch.arange(60, 100))
    assert [x[:, 60:100].any() or x.isnan().any() for x in cache.view(2, 0, 128)] == [False, False]
    assert cache.view(2, 40, 20)[0].any()


def test_the_summary_of_a_page_is_the_mean_of_its_keys():
    cache, k, _ = filled()
    cache.summarise(2, torch.tensor([2]))
    assert torch.allclose(cache.summaries[2][:, 2], k[24:56].mean(0), atol=1e-6)
    assert set(cache.summaries) == {2}


POOL = """
import os, torch
from deepseek_mm.benchmarks.servers import own_mb
from deepseek_mm.lm.kv_cache.key_value_store import KeyValueCache
from deepseek_mm.lm.kv_cache.key_value_store import LayerGroup
group = LayerGroup(slots=(0, 1), kv_heads=2, head_width=64)
before = own_mb(os.getpid())
cache = KeyValueCache((group,), (4096,), like=torch.zeros((), dtype=torch.bfloat16))
made = own_mb(os.getpid())
cache.write(0, torch.arange(32_768), *torch.ones(2, 32_768, 2, 64, dtype=torch.bfloat16))
size_bytes = sum(x.nbytes for x in (*cache.keys.values(), *cache.values.values()))
print(size_bytes / 1e6, made - before, own_mb(os.getpid()) - made, float(cache.view(0, 100_000, 9)[0].abs().sum()))
"""


def test_a_pool_takes_memory_only_where_it_was_written_to():
    words = [sys.executable, "-c", POOL]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    size_mb, made_mb, written_mb, elsewhere = map(float, said)
    assert size_mb > 130
    assert made_mb < size_mb / 10
    assert 8 < written_mb < size_mb / 2
    assert elsewhere == 0
