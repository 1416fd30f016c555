"""What a question asks, read without a model: `parse` turns it into a Program, and Claims answer it.

`grammar` holds the patterns of questions, `several` reads those over several pictures, `phrases` finds things in them,
`lexicon` holds word tables, `words` compares words and `answers` answers, `case` is a question on its way.
"""

from deepseek_mm.rag.program.case import Case
from deepseek_mm.rag.program.parse import Claim, Program, parse
from deepseek_mm.rag.program.phrases import Thing

__all__ = ["Case", "Claim", "Program", "Thing", "parse"]
