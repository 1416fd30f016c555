"""What is certain about the evidence: `run` turns a program into claims, without a model.

`shots` gathers the evidence photo by photo, `spot` is the geometry of boxes, `photo` holds what one photo answers and
`details` the facts about one thing or one file, `settled` puts a verdict into words, `several` is what a row of
pictures answers and `row` its turns of phrase, `written` is about what is to be read, `wording` finds the sentence that
is asked for, and `tell` is how it is put.
"""

from deepseek_mm.rag.facts.run import build_claims, nothing

__all__ = ["nothing", "build_claims"]
