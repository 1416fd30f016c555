"""`models download | remove | token`: a model comes from a hub, goes again, and who asks for it.

A download is a job of the library, done here and now unless a page that is open on it is faster. Ctrl-C pauses it; the
same command goes on where it was.
"""

import sys
from argparse import Namespace
from contextlib import closing
from getpass import getpass
from typing import TYPE_CHECKING

from deepseek_mm.config import Config
from deepseek_mm.errors import BadQuestion, JobFailed
from deepseek_mm.settings_file import SettingsFile
from deepseek_mm.terminal import NOTHING, OK, STOPPED, Desk, Meter, flags_of

if TYPE_CHECKING:
    from deepseek_mm.jobs import Job, Jobs
    from deepseek_mm.models.downloads import Downloads

STOP_S = 10.0  # how long a transfer may take to come to rest


def download_model(args: Namespace, config: Config, desk: Desk) -> int:
    """Exit code 0 when it is here whole, 1 when somebody else stopped it, 130 after Ctrl-C."""
    from deepseek_mm.database_places import place_of
    from deepseek_mm.jobs import Jobs, Worker  # here, because a list of models must not wait for SQLAlchemy
    from deepseek_mm.models.downloads import Downloads, HubPermission, allow_hub

    (name,) = args.what
    file = SettingsFile(flags_of(args), environ=desk.environ, cwd=desk.cwd)
    config.data.mkdir(parents=True, exist_ok=True)
    allow_hub(file)
    with closing(Jobs(place_of(config, "jobs"))) as jobs:
        downloads = Downloads(config=config, jobs=jobs, permission=HubPermission(file), environ=desk.environ)
        worker = Worker(jobs, downloads.handlers)
        begun = downloads.start(name, accepted=args.accept)
        worker.start()
        try:
            return tell_end(follow_job(jobs, begun.job, desk), args, desk)
        except KeyboardInterrupt:
            pause(downloads, begun.job, desk)
            return STOPPED
        finally:
            worker.stop(STOP_S)


def follow_job(jobs: "Jobs", number: int, desk: Desk) -> "Job":
    """Show it until it has ended, whichever process does it."""
    from deepseek_mm.jobs import follow

    job = jobs.get(number)
    with closing(Meter(err=desk.err, describe=describe_transfer)) as meter:
        for job in follow(jobs, number):
            meter(job)
    return job


def describe_transfer(job: "Job") -> str:
    """How far, how fast, how long still, and which file."""
    from deepseek_mm.models.downloads import show_megabytes

    if job.state == "waiting":
        return f"waiting: {job.title}"
    far = show_megabytes(job.done) + (f" of {show_megabytes(job.total)}" if job.total else "")
    left = "" if job.seconds_left is None else f", {job.seconds_left:.0f} s left"
    pace = f"{show_megabytes(job.per_second)}/s{left}  " if job.per_second else ""
    return f"{far}  {pace}{job.message}".rstrip()


def tell_end(job: "Job", args: Namespace, desk: Desk) -> int:
    """Say what became of it. JobFailed carries the reason of one that failed."""
    if job.state == "failed":
        raise JobFailed(job.message)
    if args.json:
        desk.give({"name": job.payload["name"], "state": job.state, "message": job.message, **job.result})
    else:
        desk.say(job.message)
    return OK if job.state == "done" else NOTHING


def pause(downloads: "Downloads", job: int, desk: Desk) -> None:
    """Leave it to the same command, and say so."""
    now = downloads.pause(job)
    desk.note(f"paused. It goes on with: python -m deepseek_mm models download {now.name}")


def remove_model(args: Namespace, config: Config, desk: Desk) -> int:
    """Remove it from this machine, also for other programs of this user."""
    from deepseek_mm.models import model_cache
    from deepseek_mm.models.downloads import check_unused, show_megabytes

    (name,) = args.what
    check_unused(name, config)
    freed = model_cache.remove_model(name, config.data)
    if args.json:
        desk.give({"name": name, "freed_bytes": freed})
    else:
        desk.say(f"{name} was removed, which frees {show_megabytes(freed)}")
    return OK


def give_token(args: Namespace, config: Config, desk: Desk) -> int:
    """Ask for it, or read a line, so that it stands in no history of a shell; keep it where nobody else may read it."""
    from deepseek_mm.models.hub_token import hub_address, keep_token

    address = hub_address(desk.environ)
    asked = sys.stdin.isatty()
    token = getpass(f"token for {address} (not shown; empty forgets it): ") if asked else sys.stdin.readline()
    if not token.strip() and not asked:
        raise BadQuestion("no token came. Type it when asked, or send it: python -m deepseek_mm models token < FILE")
    file = keep_token(token, desk.environ)
    desk.say(f"{'kept' if token.strip() else 'forgotten'}: {file}")
    return OK
