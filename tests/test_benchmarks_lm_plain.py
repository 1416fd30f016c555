"""Full attention in pages by torch's kernel says what full attention says without any memory."""

import pytest
import torch
from lm_help import decoder
from moe_help import small

from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.kv_cache.paged_attention import open_memory
from deepseek_mm.benchmarks.lm_case import FullAttention
from deepseek_mm.lm.shape import tiny


@torch.inference_mode()
def chunks(model, ids, *, chunk):
    """Hidden states of all tokens, read chunk by chunk."""
    memory = open_memory(model.shape, tokens=len(ids), sequences=1, chunk=chunk, like=model.embedding.weight)
    text, parts = memory.blocks.start(ids, most=len(ids)), []
    while text.length < len(ids):
        plain = FullAttention(memory, [text], min(chunk, len(ids) - text.length))
        parts.append(model(model.embed(plain.ids_BT), plain)[0])
        memory.blocks.advance(text, parts[-1].shape[1])
    return torch.cat(parts, 1)


@pytest.mark.parametrize("moe", [None, small()], ids=["dense", "experts"])
@pytest.mark.parametrize("chunk", [16, 40, 100])
def test_chunks_of_any_size_say_what_the_whole_text_says(moe, chunk):
    model = decoder(tiny(moe=moe)).eval()
    ids = torch.randint(512, (100,), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole, _ = model(model.embed(ids[None]), FullTextAttention(model.shape, torch.ones(1, 100, dtype=torch.int64)))
    torch.testing.assert_close(chunks(model, ids.tolist(), chunk=chunk), whole, atol=1e-4, rtol=1e-4)
