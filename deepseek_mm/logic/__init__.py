"""Programs: questions as nests of calls that a person can read and edit, run over the things of a scene.

`syntax` reads, writes and checks them, `scene` holds the things and how they lie, `interpreter` carries a program out,
`english` makes one of a question, and `rules` checks a user's own rules.
"""
