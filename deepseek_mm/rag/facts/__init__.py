"""What is certain about the evidence: `run` turns a program into claims, without a model.

`shots` gathers the evidence photo by photo, `spot` is the geometry of boxes, `details` holds the facts about one thing
or one file, and `tell` is how they are put.
"""

from deepseek_mm.rag.facts.run import nothing, run

__all__ = ["nothing", "run"]
