"""A screenshot finds code: the pictures, the repository they are looked for in, and the score."""
