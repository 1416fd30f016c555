"""Long work that survives: a table of jobs, workers that do them, and a way to watch. It knows no kind of work.

`table` is Jobs, `records` what it gives back and the rows behind it, `queue` who is next (`server_queue` on a server),
`task` a job in the hands of its handler and the notices about it, `worker` the threads that call handlers, `fleet` the
processes that share the work of one library.
"""

from deepseek_mm.jobs.records import ENDED, Failed, Job, JobRequest, State
from deepseek_mm.jobs.table import Jobs, follow
from deepseek_mm.jobs.task import Task
from deepseek_mm.jobs.worker import Handler, Worker

__all__ = ["ENDED", "JobRequest", "Failed", "Handler", "Job", "Jobs", "State", "Task", "Worker", "follow"]
