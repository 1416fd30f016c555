"""`python -m deepseek_mm.runtime.compiled`: compile the loops for this processor now, as `make setup` does.

What is compiled depends on the loops and on the processor, not on a model's size: a tiny one stands for all.
"""

import torch

from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.kv_cache.paged_attention import open_memory
from deepseek_mm.lm.shape import tiny, to_product_shape
from deepseek_mm.runtime.compiled.compiled_decoder import CompiledDecoder


def main() -> None:
    """Compile everything by one step of a tiny decoder."""
    decoder = Decoder(to_product_shape(tiny())).to(torch.bfloat16)
    memory = open_memory(decoder.shape, tokens=128, sequences=1, chunk=64, like=decoder.norm.weight)
    CompiledDecoder(decoder).bind(memory).warm_up()


if __name__ == "__main__":
    main()
