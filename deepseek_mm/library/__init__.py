"""Everything that is done to a library beside asking: filling, watching, checking, keeping and emptying it.

`library` is Library, `index_jobs` takes files in and reads the text in pictures, `folder_watcher` follows folders,
`git_clone` fetches repositories, `health` compares store, cache and disk and says how well the index does, `backup`
backs up and restores, `trash` keeps what was taken out until it cannot be put back any more, `duplicates` finds photos
that show the same, `dropped_files` keeps files that were dropped or uploaded, `web_fetcher` fetches pictures and pages
from addresses. Long work is a job: it shows progress, can be cancelled, and goes on after a kill. `crew` has the
threads that do jobs, `batches` cuts big ones over a server, and `library_worker` is a process that does nothing else.
"""

from deepseek_mm.library.duplicates import Twins
from deepseek_mm.library.health import Health
from deepseek_mm.library.library import Library
from deepseek_mm.library.trash import Taken

__all__ = ["Health", "Library", "Taken", "Twins"]
