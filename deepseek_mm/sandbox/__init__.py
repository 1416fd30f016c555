"""Runs code that nobody vouched for: `run.Sandbox`.

`run` starts the launcher, reads what the program writes and tells how it ended; `launcher` is a process of its own that
puts up the walls, starts the program behind them, watches it and ends all that it started. `kernel` speaks to Linux and
gives the program a file system, `restrictions` forbid, `process_tree` counts and kills, `records` has what is told.
"""
