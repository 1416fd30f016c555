"""Everything that is done to a library beside asking: filling, watching, checking, keeping and emptying it.

`shelves` is Library, `filling` takes files in and reads the text in pictures, `watch` follows folders, `check` compares
store, cache and disk, `bundle` backs up and restores, `leftovers` clears away what kills left. Long work is a job: it
shows progress, can be cancelled, and goes on after a kill.
"""

from deepseek_mm.library.shelves import Library

__all__ = ["Library"]
