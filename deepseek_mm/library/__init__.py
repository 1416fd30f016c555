"""Everything that is done to a library beside asking: filling, watching, checking, keeping and emptying it.

`shelves` is Library, `filling` takes files in and reads the text in pictures, `watch` follows folders, `check` compares
store, cache and disk, `health` says how well the index does, `bundle` backs up and restores, `trash` keeps what was
taken out until it cannot be put back any more, `duplicates` finds photos that show the same, `arriving` keeps files
that were dropped or uploaded, `dropped` and `leftovers` clear away what nobody knows and what kills left, `holding`
measures the folder and lists its backups. Long work is a job: it shows progress, can be cancelled, and goes on after a
kill.
"""

from deepseek_mm.library.duplicates import Twins
from deepseek_mm.library.health import Health
from deepseek_mm.library.library import Library
from deepseek_mm.library.trash import Taken

__all__ = ["Health", "Library", "Taken", "Twins"]
