"""`train intents`: vectors of the example sentences that tell what is meant, made once, so that no start has to.

Nothing is trained: the packaged tower that reads many languages reads the examples of answering/intents.toml, of the
help, and of requests about code (answering/code/examples.toml). To be made again when examples were added; until then
the product makes vectors of the new ones when they are first needed.
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from deepseek_mm.answering.code.kinds import read_examples
from deepseek_mm.answering.intents import VECTORS_FILE, encode_many, key_of, normalize_text
from deepseek_mm.answering.request_model import RequestModel
from deepseek_mm.answering.skills.talk import all_examples


def add_arguments(parser: ArgumentParser) -> None:
    """Flags of `train intents`."""
    parser.add_argument("--weights", type=Path, default=VECTORS_FILE, help="the file that is written")


def run(args: Namespace) -> int:
    """Write the vectors of all examples."""
    examples = [*all_examples().values(), *read_examples().values()]
    texts = sorted({normalize_text(text) for texts in examples for text in texts})
    vectors_ND = encode_many(RequestModel().encode, texts).astype(np.float16)
    save_file(
        {"vectors_ND": vectors_ND}, args.weights, metadata={"keys": " ".join(str(key_of(text)) for text in texts)}
    )
    return 0
