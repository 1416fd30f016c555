"""Questions about code: `wish` understands them, `crash` reads a pasted traceback, `coder` looks up what is certain;
`shown` finds what a picture shows, `proving` writes tests (`trials` are calls, `probes` programs that make them),
`mention` completes a name as one types it, `listing` opens a cited file, `trying` has questions to begin with.

Who calls what, where something is defined, what it says of itself: the index knows that from the syntax of the files,
so a small language model has nothing to guess.
"""

from deepseek_mm.rag.coding.coder import ASK_LEAVE, Coder, no_code
from deepseek_mm.rag.coding.listing import Listing, listing_of
from deepseek_mm.rag.coding.mention import mentions
from deepseek_mm.rag.coding.proving import Prover
from deepseek_mm.rag.coding.trying import questions_to_try

__all__ = ["ASK_LEAVE", "Coder", "Listing", "Prover", "listing_of", "mentions", "no_code", "questions_to_try"]
