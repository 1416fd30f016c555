"""The command line: each command parses its own words and calls one part of the house.

Answers and tables go to standard output, progress and messages to standard error, so that a pipe carries results only.
"""
