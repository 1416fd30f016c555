"""Models by name that order what was found, opened: at a start, and later while others are asked; and tried.

A name is a folder or a hub's model that is here. No hub is asked for what is saved.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepseek_mm.config import RagConfig
from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.lm.model_folders import find_or_explain, title_of
from deepseek_mm.retrieval.passages import Rerankers, Scorer, join_orders
from deepseek_mm.runtime.model_memory import fit_memory, memory_of_ranker
from deepseek_mm.runtime.planner import Plan

if TYPE_CHECKING:
    import torch

Progress = Callable[[str], None]
NAME_IT = "Name a folder or a hub model; python -m deepseek_mm models list tells some"
PASSAGES, CODE = "rag.reranker", "rag.code_reranker"  # settings that name one


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderTrial:
    """A question with a text that answers it and one that does not."""

    question: str
    right: str
    wrong: str


TRIALS: Mapping[str, OrderTrial] = {  # by the setting
    PASSAGES: OrderTrial(
        question="How much is the deposit for the flat?",
        right="The tenant pays a deposit of 3,540 euros for the flat before the keys are handed over.",
        wrong="The garden behind the house is open from nine in the morning until dusk, and dogs stay on a lead.",
    ),
    CODE: OrderTrial(
        question="read settings from a JSON file",
        right="def load_settings(path):\n    with open(path) as file:\n        return json.load(file)",
        wrong="def circle_area(radius):\n    return math.pi * radius ** 2",
    ),
}


def open_ranker(name: str, *, plan: Plan, find: Callable[[str], str], say: Progress) -> Scorer | None:
    """How the model of this name scores texts; None without a name. `find` gives the name with its revision.

    NothingThere, NotEnoughMemory or BadCheckpoint says why it cannot be opened.
    """
    if not name:
        return None
    from deepseek_mm.retrieval.reranker import CrossEncoder, open_reranker  # here, as transformers is slow to import

    folder = find_or_explain(find(name), otherwise=NAME_IT, what="model")
    dtype = choose_dtype(plan)
    fit_memory(memory_of_ranker(folder, title=title_of(name), weight_bytes=dtype.itemsize))
    say(f"opening the model {name}, which orders what is found")
    opened = open_reranker(folder, name=name, dtype=dtype)
    return opened.score if isinstance(opened, CrossEncoder) else join_orders(opened.score)


def choose_dtype(plan: Plan) -> "torch.dtype":
    """bfloat16 where the processor multiplies it, unless the plan wants 32 bits."""
    import torch

    from deepseek_mm.lm.backends.transformers_model import best_dtype  # here, for the same reason

    return torch.float32 if plan.engine("text").numbers == "fp32" else best_dtype()


def replace_ranker(rerankers: Rerankers, setting: str, score: Scorer | None) -> Rerankers:
    """Those models, another one for what this setting names."""
    if setting == PASSAGES:
        return Rerankers(passages=score, code=rerankers.code)
    return Rerankers(passages=rerankers.passages, code=score)


def try_ranker(score: Scorer, setting: str) -> str:
    """What the model does with the built-in question. BadCheckpoint where it prefers the wrong text."""
    trial = TRIALS[setting]
    wrong, right = score(trial.question, [trial.wrong, trial.right])  # the order in which they are given may count
    if not right > wrong:
        raise BadCheckpoint(
            f"asked {trial.question!r}, it prefers no right text to a wrong one ({right:.3f} and {wrong:.3f}). "
            "It was not made for this: choose another one"
        )
    return f"{trial.question} {right:.3f} > {wrong:.3f}"


def named_rankers(rag: RagConfig) -> tuple[str, ...]:
    """Names of models that order."""
    return tuple(name for name in (rag.reranker, rag.code_reranker) if name)
