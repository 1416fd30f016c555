"""Jobs, folders and facts as HTML."""

import re
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import pytest

from deepseek_mm.jobs import Failed, Job
from deepseek_mm.jobs.fleet import ListedProcess, ProcessDescription
from deepseek_mm.library import Taken
from ui.library.library_report import (  # fmt: skip
    WatchedFolder,
    backups,
    far,
    in_bytes,
    local,
    news,
    remaining_time,
    render_ended,
    render_facts,
    render_processes,
    render_running,
    render_taken,
    render_watched,
    title,
)
from ui.words import CHINESE, ENGLISH

NASTY = '"><img src=x onerror=alert(1)>'
AT = datetime(2026, 5, 1, 12, 3, tzinfo=UTC)


def folder(name: str, **known) -> WatchedFolder:
    return WatchedFolder(folder=name, **({"how": "", "num_files": None, "last_at": None} | known))


def job(**changes) -> Job:
    fields = {
        "id": 7, "kind": "index", "title": "Index /photos", "payload": {"paths": ["/photos"]},
        "state": "running", "cancelling": False,
        "done": 0, "total": None, "per_second": 0.0, "seconds_left": None, "message": "", "result": {},
        "num_failed": 0, "attempts": 1, "created_at": AT, "started_at": AT, "ended_at": None,
    }  # fmt: skip
    return Job(**(fields | changes))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "a few seconds left"),
        (44.9, "a few seconds left"),
        (45, "about a minute left"),
        (89, "about a minute left"),
        (150, "about 2 minutes left"),
        (89 * 60, "about 89 minutes left"),
        (2.5 * 3600, "about 2.5 hours left"),
    ],
)
def test_the_remaining_time_is_said_as_a_person_would(seconds, said):
    assert remaining_time(seconds, ENGLISH) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (99_499, "99.5 kB"), (123_456_789, "123 MB"), (10**15, "1000 TB")],
)
def test_a_size_has_three_digits_and_a_unit(count, said):
    assert in_bytes(count) == said


def test_how_far_a_job_is_has_numbers_speed_time_and_what_failed():
    line = far(job(done=1200, total=5000, per_second=9.5, seconds_left=400, num_failed=3), ENGLISH)
    assert line == "1,200 / 5,000 - 9.5 a second - about 7 minutes left - 3 could not be done"
    assert far(job(), ENGLISH) == ENGLISH.looking_at
    assert far(job(done=4, cancelling=True), ENGLISH) == "4 - stopping"


def test_a_running_job_has_a_bar_and_a_way_to_stop_it_and_a_waiting_one_no_bar():
    html = render_running([job(done=3, total=9)], ENGLISH)
    assert 'value="3" max="9"' in html
    assert 'data-act="cancel" data-what="7"' in html
    assert "<progress" not in render_running([job(state="waiting")], ENGLISH)
    assert "data-act" not in render_running([job(cancelling=True)], ENGLISH)
    assert ENGLISH.work_none in render_running([], ENGLISH)
    offered = render_running([], ENGLISH, older="default-11111111")
    assert escape(ENGLISH.upgrade) in offered
    assert 'data-act="upgrade"' in offered


def test_a_job_that_knows_no_total_shows_a_bar_without_an_end():
    assert 'aria-label="Index /photos"></progress>' in render_running([job(done=3)], ENGLISH)


def test_the_first_failures_are_listed_with_their_reasons_and_all_are_counted():
    failed = [Failed(item="/a.jpg", reason="/a.jpg is empty"), Failed(item="/b.jpg", reason="it is locked")]
    html = render_ended([job(state="done", num_failed=1234, ended_at=AT)], {7: failed}, ENGLISH)
    assert "/a.jpg is empty</span></li>" in html
    assert "/b.jpg: it is locked</span></li><li>and 1,232 more</li>" in html
    assert "1,234 could not be done" in html
    assert 'data-act="retry" data-what="7"' in html


def test_a_job_without_failures_offers_no_retry():
    html = render_ended([job(state="done", message="3 added", ended_at=AT)], {}, ENGLISH)
    assert "3 added" in html
    assert "data-act" not in html


@pytest.mark.parametrize(("state", "said"), [("done", "done"), ("cancelled", "cancelled"), ("failed", "failed")])
def test_an_ended_job_says_how_and_when_it_ended_in_local_time(state, said):
    assert f"{said} {AT.astimezone():%Y-%m-%d %H:%M}" in render_ended([job(state=state, ended_at=AT)], {}, ENGLISH)


def test_names_from_outside_never_become_html():
    failed = {7: [Failed(item=NASTY, reason=NASTY)]}
    html = render_running([job(payload={"paths": [NASTY]}, message=NASTY), job(kind="odd", title=NASTY)], ENGLISH)
    html += render_watched([folder(NASTY, how=NASTY)], ENGLISH) + backups([Path(f"/b/{NASTY}")], ENGLISH)
    html += backups([], ENGLISH, job(kind="check backup", payload={"file": f"/b/{NASTY}"}, message=NASTY, ended_at=AT))
    html += news([job(kind="odd", title=NASTY)], ENGLISH)
    html += render_ended([job(state="done", title=NASTY, message=NASTY, num_failed=1, ended_at=AT)], failed, ENGLISH)
    html += render_facts({"photo": 1}, 1, 1, NASTY, ENGLISH)
    assert "<img" not in html
    assert '""' not in html


def test_each_watched_folder_has_a_button_of_its_own():
    html = render_watched([folder("/b", how="/b is not there."), folder("/a", how="Watching /a.")], ENGLISH)
    assert html.index(">/a<") < html.index(">/b is not there.<")
    assert "Watching" not in html
    assert [f'data-act="unwatch" data-what="{name}"' in html for name in ("/a", "/b", "/c")] == [True, True, False]
    assert ENGLISH.watched_none in render_watched([], ENGLISH)


def test_the_facts_say_how_much_of_each_kind_how_large_and_where():
    html = render_facts({"photo": 1200, "document": 3, "code": 4}, 9999, 1_500_000, "/lib", ENGLISH)
    for said in ("1,200", "<dd>3</dd>", "<dd>4</dd>", "9,999", "1.5 MB", "/lib"):
        assert said in html


def test_a_watched_folder_says_how_many_files_are_known_and_when_the_last_came():
    html = render_watched([folder("/a", num_files=1, last_at=AT), folder("/b", num_files=2000)], ENGLISH)
    assert f"1 file known - last change taken in {local(AT)}" in html
    assert ">2,000 files known<" in html


@pytest.mark.parametrize(
    ("kind", "payload", "english", "chinese"),
    [
        ("index", {"paths": ["/a"]}, "Index /a", "建立索引：/a"),
        ("index", {"paths": ["/a", "/b", "/c"]}, "Index /a and 2 more", "建立索引：/a 等，另有 2 个"),
        ("index", {"paths": ["/a"], "only": ["/a/x.png"]}, "Index /a/x.png", "建立索引：/a/x.png"),
        ("read text", {}, "Read and describe pictures", "识别图片中的文字并描述图片"),
        ("read faces", {}, "Look for faces in photos", "在照片中寻找人脸"),
        ("map code", {}, "See who calls what in the code", "分析代码中的调用关系"),
        ("verify", {}, "Check the library", "检查图库"),
        ("repair", {"forget": True}, "Repair the library", "修复图库"),
        ("back up", {"file": "/b"}, "Back up to /b", "备份到 /b"),
        ("restore", {"file": "/b"}, "Restore /b", "恢复自 /b"),
        ("renew code", {}, "Read code and texts anew", "重新读取代码和文字"),
        ("watch", {"folder": "/a"}, "Watch /a", "监视 /a"),
        ("fly", {}, "As it was named", "As it was named"),
    ],
)
def test_a_job_is_called_in_the_language_of_the_page(kind, payload, english, chinese):
    each = job(kind=kind, payload=payload, title="As it was named")
    assert (title(each, ENGLISH), title(each, CHINESE)) == (english, chinese)


def test_every_kind_of_job_that_the_library_makes_has_a_name_in_the_table():
    source = Path(__file__).parent.parent / "deepseek_mm" / "library"
    told = " ".join(file.read_text() for file in source.glob("*.py"))
    lines = re.findall(r"^.*# (?:the kind of job|kinds of jobs)$", told, re.MULTILINE)
    kinds = [kind for line in lines for kind in re.findall(r'"([a-z ]+)"', line)]
    changing = [
        "back up",
        "import",
        "index",
        "map code",
        "name photos",
        "read faces",
        "read text",
        "renew code",
        "repair",
    ]
    assert sorted(kinds) == [*changing, "restore", "verify", "watch"]
    assert [kind for kind in kinds if title(job(kind=kind, title="?"), ENGLISH) == "?"] == []


def test_what_a_job_says_is_said_in_the_language_of_the_page_or_marked_as_english():
    ended = [job(state="done", message="3 files looked at, 2 texts found", ended_at=AT, num_failed=1)]
    failed = {7: [Failed(item="/a.jpg", reason="/a.jpg is empty: 0 bytes. Copy it again from where it came")]}
    html = render_ended(ended, failed, CHINESE)
    assert '<span dir="ltr">\u67e5\u770b\u4e86 3 \u4e2a\u6587\u4ef6' in html
    assert 'lang="en"' not in html
    assert "0 bytes" not in html
    assert '<span lang="en" dir="ltr">3 oddities</span>' in render_ended([job(message="3 oddities")], {}, CHINESE)


def test_ears_hear_of_the_last_ending_only():
    assert ">Index /photos - done<" in news([job(state="done")], ENGLISH)
    assert 'role="status" class="for-ears"></p>' in news([], ENGLISH)
    assert "role=" not in render_running([job(done=3, total=9)], ENGLISH)


def test_the_newest_taking_has_an_undo_and_those_before_it_are_counted():
    html = render_taken([Taken(token="b", num_sources=2), Taken(token="a", num_sources=1)], ENGLISH)
    assert 'data-what="b" aria-label="Undo: 2 files were taken out."' in html
    assert ">2 files were taken out. 1 more before that.<" in html
    assert html.count("<button") == 1
    assert ">1 file was taken out.<" in render_taken([Taken(token="a", num_sources=1)], ENGLISH)
    assert render_taken([], ENGLISH) == ""


def test_backups_are_listed_by_name_with_a_button_that_knows_where_they_lie():
    assert 'data-act="choose" data-what="/lib/backups/x"' in backups([Path("/lib/backups/x")], ENGLISH)
    assert backups([], ENGLISH) == ""


@pytest.mark.parametrize(("state", "said"), [("done", "x can be restored."), ("failed", "x cannot be restored.")])
def test_the_last_trial_of_a_backup_is_told_with_its_time_and_its_result(state, said):
    check = job(state=state, payload={"file": "/lib/backups/x"}, message="1 files", ended_at=AT)
    html = backups([], ENGLISH, check)
    assert f"{local(AT)}: {said}" in html
    assert "1 files" in html


def test_what_was_left_out_is_listed_with_its_reasons_and_the_rest_is_counted():
    left_out = [["/a/<b>.psd", "not read: a Photoshop picture; export it as PNG or JPEG"], ["/a/c", "link"]]
    done = job(state="done", ended_at=AT, result={"left_out": left_out, "num_left_out": 1_102})
    html = render_ended([done], {}, ENGLISH)
    assert "<summary>1,102 left out</summary>" in html
    assert "/a/&lt;b&gt;.psd: not read: a Photoshop picture; export it as PNG or JPEG" in html
    assert "and 1,100 more" in html
    assert "\u5df2\u7565\u53bb" in render_ended([done], {}, CHINESE)
    assert "<details>" not in render_ended([job(state="done", ended_at=AT)], {}, ENGLISH)


def process(role: str, name: str, **more) -> ListedProcess:
    """Of a library on a server."""
    queues = ("gpu", "cpu") if role == "worker" else ()
    told = ProcessDescription(name=name, role=role, machine="box<1>", version="1.0", queues=queues, fingerprint="")
    return ListedProcess(description=told, since=AT, doing=(), **more)


def test_who_works_is_listed_with_the_jobs_that_may_be_known():
    both = [process("server", "one", jobs=(99,)), process("worker", "attic", jobs=(7,))]
    html = render_processes(both, [job()], ENGLISH, workers=True)
    assert "Server one" in html
    assert "Worker attic, for gpu, cpu" in html
    assert "on box&lt;1&gt;, version 1.0, since " in html
    assert html.count("at work: ") == html.count("at work: Index /photos") == 1
    assert ENGLISH.workers_none not in html


def test_one_server_alone_is_no_list_but_where_workers_are_waited_for():
    alone = [process("server", "one")]
    assert render_processes(alone, [], ENGLISH, workers=False) == render_processes([], [], ENGLISH, workers=False) == ""
    assert ENGLISH.workers_none in render_processes(alone, [], ENGLISH, workers=True)
