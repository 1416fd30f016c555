"""Programs: questions as nests of calls that a person can read and edit, run over the things of a scene.

`programs` reads, writes, checks and runs them over the things of a scene, `english` makes one of a question, and
`rules` checks a user's own rules.
"""
