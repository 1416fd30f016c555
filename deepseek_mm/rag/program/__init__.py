"""What a question asks, read without a model: `parse` turns it into a Program, and Claims answer it.

`grammar` holds the patterns of questions, `several` reads those over several pictures, `phrases` finds things in them,
`lexicon` holds word tables, `words` compares words and `answers` answers.
"""

from deepseek_mm.rag.program.parse import Act, Claim, parse
from deepseek_mm.rag.program.phrases import ThingPhrase

__all__ = ["Claim", "Act", "ThingPhrase", "parse"]
