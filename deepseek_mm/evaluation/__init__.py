"""Scores of any JSONL file; each returns a report that the command line prints."""
