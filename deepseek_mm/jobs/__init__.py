"""Long work that survives: a table of jobs, workers that do them, and a way to watch. It knows no kind of work.

`table` is Jobs, `nouns` what it gives back, `task` a job in the hands of its handler, `worker` the threads that call
handlers, `follow` watches a job until it ends; `speed` says how fast it goes, `rows` ends and releases, `tables` are
the rows, `notifier` tells threads of one process of changes.
"""

from deepseek_mm.jobs.records import ENDED, Failed, Job, JobRequest, State
from deepseek_mm.jobs.table import Jobs, follow
from deepseek_mm.jobs.task import Task
from deepseek_mm.jobs.worker import Handler, Worker

__all__ = ["ENDED", "JobRequest", "Failed", "Handler", "Job", "Jobs", "State", "Task", "Worker", "follow"]
