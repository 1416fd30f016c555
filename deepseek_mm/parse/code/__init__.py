"""Code, taken apart: functions, classes and the rest by syntax where a grammar is at hand, by lines elsewhere.

`languages` is the table of grammars, `outline` reads a tree, `pieces` cuts a file or takes a Jupyter notebook cell by
cell.
"""
