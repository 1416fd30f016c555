"""A graph of a repository: definitions, who uses them, tests that reach them, and what a model should see of it."""
