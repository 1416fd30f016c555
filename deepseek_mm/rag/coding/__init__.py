"""Questions about code: `wish` understands them, `crash` reads a pasted traceback, `coder` looks up what is certain.

Who calls what, where something is defined, what it says of itself: the index knows that from the syntax of the files,
so a small language model has nothing to guess.
"""

from deepseek_mm.rag.coding.coder import Coder, no_code

__all__ = ["Coder", "no_code"]
