"""Questions about a drawing: the program's answer, and what a small network says that has no program.

Both look at the same things. Where the grammar knows a program, its answer stands: it is exact, and as sure as what it
rests on; the network is heard beside it. Elsewhere the network answers, as sure as it is. Where a program finds that a
question takes something for granted that is not there, the network's answer is no more than a guess.
"""

from deepseek_mm.logic.english import program_of
from deepseek_mm.logic.interpreter import run
from deepseek_mm.logic.scene import Scene
from deepseek_mm.rag.judge import CLOSED, is_disputed, outcome_of
from deepseek_mm.records import Said, Verdict


def settled_on_paper(question: str, scene: Scene, guess: tuple[str, float]) -> Verdict:
    """What the question is answered with; `guess` is the network's answer, if any, and its probability."""
    said = [Said(by="network", answer=guess[0], chance=guess[1])] if guess[0] else []
    program = program_of(question)
    outcome = run(program, scene) if program else None
    if outcome and outcome.answer:
        rests_on = [item for item in scene.items if item.number in outcome.numbers] or scene.items
        chance = min((item.chance for item in rests_on), default=1.0)
        said.insert(0, Said(by="program", answer=outcome.answer, chance=chance, why=str(program)))
    missing = outcome.missing if outcome else ""
    if not said:
        return Verdict(answer="", chance=0.0, outcome="unknown", missing=missing)
    first = said[0]
    other = next((one for one in said[1:] if one.answer != first.answer), None)
    return Verdict(
        answer=first.answer,
        chance=first.chance,
        outcome="unknown" if missing else outcome_of(first.chance, closed=first.answer in CLOSED),
        runner_up=other.answer if other else "",
        runner_chance=min(other.chance, 1 - first.chance) if other else 0.0,
        said=tuple(said),
        disputed=is_disputed(said),
        missing=missing,
    )
