"""Runs code that nobody vouched for: `run.Sandbox`.

`run` starts the launcher, reads what the program writes and tells how it ended; `launcher` is a process of its own that
puts up the walls, starts the program behind them, watches it and ends all that it started. `walls` gives it a file
system, `landlock` and `filters` forbid, `watch` counts and kills, `kernel` speaks to Linux, `nouns` has the records.
"""
