"""Scenes on paper as they are seen: `finder` looks for the solids in a picture, `answerer` answers by itself.

What the finder found goes two ways: as things that programs run over (`logic`), and as tokens beside a question's
words into a small model that knows no program.
"""
