"""Answers about code: what is asked, where it is, and what the syntax says of it."""
