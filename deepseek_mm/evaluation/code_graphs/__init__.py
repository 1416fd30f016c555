"""The graph of code against calls that were traced, and contexts against commits."""
