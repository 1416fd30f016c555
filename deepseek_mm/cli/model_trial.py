"""`models try`: a language model beside the one that answers, on the same questions, before it is chosen."""

import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from deepseek_mm.config import Config
from deepseek_mm.errors import JobFailed
from deepseek_mm.terminal import OK, Desk

if TYPE_CHECKING:
    from deepseek_mm.services.model_trial import ModelTrial, TrialState

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"  # bundled
LOOK_S = 0.2  # between two looks at how far it is


def try_model(args: Namespace, config: Config, desk: Desk) -> int:
    """A row for each question, then the sums. What opening raises, and JobFailed where it broke off."""
    from deepseek_mm.models.speakers import open_beside  # here, because a list of models must not wait for torch
    from deepseek_mm.services.model_trial import ModelTrial

    (name,) = args.what
    with desk.assistant(config) as assistant:
        assert assistant.planned is not None, "an assistant of the factory has a plan"
        plan = assistant.planned.plan
        trial = ModelTrial(assistant=assistant, opens=lambda wanted: open_beside(wanted, plan), photos=PHOTOS)
        trial.begin(name)
        state = follow_trial(trial, desk, quiet=args.json)
    if state.step == "failed":
        raise JobFailed(f"{name} cannot be tried: {state.message}")
    (now, other), (now_s, other_s) = state.scores, state.seconds
    sums = {"right": now, "seconds": round(now_s, 2)}, {"right": other, "seconds": round(other_s, 2)}
    if args.json:
        desk.give({"name": name, "questions": len(state.rows), "present": sums[0], "other": sums[1]})
    else:
        desk.say(f"the model that answers: {now} of {len(state.rows)} right, {now_s:.1f} s an answer")
        desk.say(f"{name}: {other} of {len(state.rows)} right, {other_s:.1f} s an answer")
    return OK


def follow_trial(trial: "ModelTrial", desk: Desk, *, quiet: bool) -> "TrialState":
    """How it ended; a line for each question on the way, unless it is to be quiet."""
    told, state = 0, trial.state
    while state.is_active or told < len(state.rows):
        for row in () if quiet else state.rows[told:]:
            desk.say(f"{mark(row.present.right)} {mark(row.other.right)}  {row.photo}: {row.ask}")
        told = len(state.rows)
        time.sleep(LOOK_S)
        state = trial.state
    return state


def mark(right: bool) -> str:
    """One letter for an answer."""
    return "+" if right else "-"
