"""Drafts of tests for a function: typed calls that are made in the sandbox, and what was observed of them asserted."""
