"""Code, taken apart: functions, classes and the rest by syntax where a grammar is at hand, by lines elsewhere.

`languages` is the table of grammars, `outline` reads a tree, `pieces` cuts a file, `read` is what the formats call,
`notebook` takes Jupyter notebooks cell by cell.
"""
