"""Closed questions about one picture, answered by a small model that looks: `asked` turns questions into numbers, `net`
looks at the tower's maps with them in mind, `reader` gives answers with their probabilities.
"""
