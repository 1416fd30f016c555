"""Scenes on paper: a few things on a floor, drawn here, with questions whose answers are known.

After CLEVR (Johnson et al. 2017, arXiv 1612.06890), drawn by our own few lines: `make` places the things, `draw` paints
them, `ask` makes questions and their programs.
"""

from deepseek_mm.evaluation.scenes.ask import KINDS, SceneQuestion, make_question
from deepseek_mm.evaluation.scenes.draw import draw_scene
from deepseek_mm.evaluation.scenes.make import PaperScene, make_scene

__all__ = ["KINDS", "SceneQuestion", "PaperScene", "make_question", "draw_scene", "make_scene"]
