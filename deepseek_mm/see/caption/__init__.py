"""One sentence about a photo: `net` writes words while looking at the tower's maps, `search` finds the best sentence,
`captioner` does both for pictures.
"""
