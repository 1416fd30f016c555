"""A glance that opens beside other work: it is waited for, opened once, and silent where it cannot be opened."""

import subprocess
import sys
from threading import Event

import torch

from deepseek_mm.errors import MissingWeights
from deepseek_mm.vision.visual_prompt import WEIGHTS, LateVisualPrompt

ASKED = (["is it red?", "is it blue?"], torch.tensor([0, 0]), torch.zeros(1, 81, 4), [["yes", "no"]] * 2)


class Yes:
    def weigh(self, questions, photo_Q, cells_BPC, options):
        return [{"yes": 0.9, "no": 0.1} for _ in questions]


def test_who_asks_early_waits_and_it_is_opened_once():
    gate, opened = Event(), []

    def slow():
        gate.wait(10)
        opened.append(1)
        return Yes()

    glance = LateVisualPrompt(slow)
    first, second = glance.start(), glance.start()
    assert first is second
    assert not opened
    gate.set()
    assert [told["yes"] for told in glance.weigh(*ASKED)] == [0.9, 0.9]
    glance.weigh(*ASKED)
    assert len(opened) == 1


def test_nothing_is_opened_before_somebody_asks():
    opened = []
    LateVisualPrompt(lambda: opened.append(1))
    assert not opened


def test_one_that_cannot_be_opened_says_nothing():
    def missing():
        raise MissingWeights(WEIGHTS, make="train see")

    assert LateVisualPrompt(missing).weigh(*ASKED) == [{}, {}]


def test_a_program_that_ends_meanwhile_ends_well():
    program = (
        "import time, torch\n"
        "from deepseek_mm.vision.visual_prompt import LateVisualPrompt\n"
        "def slow():\n"
        "    for _ in range(40):\n"
        "        (torch.randn(300, 300) @ torch.randn(300, 300)).sum()\n"
        "        time.sleep(0.01)\n"
        "LateVisualPrompt(slow).start()\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, b"")
