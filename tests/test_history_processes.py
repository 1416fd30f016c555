"""Many threads and processes share one history: they lose and mix nothing, and a kill keeps what had arrived."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from history_samples import ask
from storage_contract import CHILD, run_sql

from deepseek_mm.history import History
from deepseek_mm.types import Answer

ROOT = Path(__file__).parent.parent


KILLED = """
import sys, time
from pathlib import Path
from deepseek_mm.history import History
from deepseek_mm.types import Question
history = History(Path(sys.argv[1]))
_, turn = history.begin(Question(text="what flies?"), image_path="", settings={}, fingerprint="")
history.progress(turn, "A red")
print("ready", flush=True)
time.sleep(60)
"""


def start(code: str, *args: object) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + code, *map(str, args)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.campaign(times=30)
@pytest.mark.parametrize("reopened", [True, False], ids=["by a new history", "by one that was open"])
def test_a_kill_in_mid_answer_keeps_what_arrived_marked_stopped(path, reopened):
    open_before = History(path)
    with start(KILLED, path) as writer:
        assert writer.stdout.readline() == "ready\n"
        witness = History(path)
        (conversation,) = witness.conversations(session="", limit=9)
        assert witness.turns(conversation.id, session="")[0].answer.state == "running"  # its owner lives
        writer.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, writer.pid, os.WEXITED | os.WNOWAIT)  # a zombie now, as under a careless parent
        reader = History(path) if reopened else open_before
        answer = reader.turns(conversation.id, session="")[0].answer
    assert (answer.text, answer.state) == ("A red", "stopped")


def test_a_process_number_that_was_used_again_is_another_process(path):
    history = History(path)
    conversation, _ = ask(history)
    run_sql(path, "UPDATE turns SET owner_pid = ?, owner_started = 'long ago'", os.getppid())
    assert history.turns(conversation, session="")[0].answer.state == "stopped"


WRITES_50 = """
import sys
from pathlib import Path
from deepseek_mm.history import History
from deepseek_mm.types import Answer, Question
path, me, shared = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
history, own = History(path), None
for n in range(50):
    ours = n % 2 == 1
    thread, session = (shared, "ours") if ours else (own, me)
    question = Question(text=f"{me} asks {n}", session=session, conversation=thread)
    conversation, turn = history.begin(question, image_path="", settings={"n": n}, fingerprint=me)
    own = own if ours else conversation
    history.progress(turn, f"{me} hears")
    history.finish(turn, Answer(text=f"{me} hears {n}"))
"""


@pytest.mark.campaign(times=10, only=True)
def test_a_hundred_quick_turns_from_two_processes_lose_and_mix_nothing(history, path):
    """Each writes its even turns into a conversation of its own session and its odd ones into one that both share."""
    shared, _ = ask(history, "begun here", session="ours")
    writers = [start(WRITES_50, path, name, shared) for name in ("anna", "ben")]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdout.close()
    _, *both = history.turns(shared, session="ours")
    assert len(both) == 50
    for me in ("anna", "ben"):
        (conversation,) = history.conversations(session=me, limit=9)
        own, common = history.turns(conversation.id, session=me), [t for t in both if t.fingerprint == me]
        for turns, numbers in ((own, range(0, 50, 2)), (common, range(1, 50, 2))):
            assert [t.question for t in turns] == [f"{me} asks {n}" for n in numbers]
            assert [t.answer.text for t in turns] == [f"{me} hears {n}" for n in numbers]
            assert {(t.answer.state, t.fingerprint) for t in turns} == {("done", me)}
            assert [t.settings for t in turns] == [{"n": n} for n in numbers]
        assert history.count(session="ours", text=f"{me} hears 49") == 1


def test_eight_threads_on_one_history_keep_every_turn(history):
    def work(name: str) -> None:
        for n in range(10):
            _, turn = ask(history, f"{n}", session=name)
            history.progress(turn, name)
            history.finish(turn, Answer(text=f"{name} {n}"))

    threads = [threading.Thread(target=work, args=(f"thread {n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in (f"thread {n}" for n in range(8)):
        mine = history.conversations(session=name, limit=99)
        texts = [history.turns(c.id, session=name)[0].answer.text for c in reversed(mine)]
        assert texts == [f"{name} {n}" for n in range(10)]
