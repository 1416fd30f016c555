"""Programs: questions as nests of calls that a person can read and edit, run over the things of a scene.

`language` reads and writes them, `calls` is the table of what can be called, `scene` the things and how they lie,
`run` carries a program out, `english` makes one of a question, and `watch` checks a user's own rules.
"""
