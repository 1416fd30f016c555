"""A verdict in words: the claim that answers a closed question about one picture, and what speaks against it."""

from deepseek_mm.language.parser import Act, Claim
from deepseek_mm.language.words import plural, with_article
from deepseek_mm.rag.facts.details import missing
from deepseek_mm.rag.facts.photo import describe, yes_there
from deepseek_mm.rag.facts.shots import PhotoEvidence
from deepseek_mm.rag.facts.tell import Teller
from deepseek_mm.records import Verdict

OF_DRAWINGS = ("program", "network")  # witnesses who are asked about nothing else
HELP = "a sharper picture, or one that shows it larger, would help"


def tell_verdict(program: Act, verdict: Verdict, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """The answer, its doubt and its runner-up; and who said otherwise."""
    claims = [tell_answer(program, verdict, shot, tell)]
    if verdict.outcome == "unknown" and program.kind == "other" and not verdict.blank:
        claims += describe(Act(kind="describe", text=program.text), shot, tell)
    if verdict.disputed:
        told = " but ".join(f"{one.by} says {one.answer} ({one.chance:.0%})" for one in verdict.said)
        claims.append(Claim(f"My witnesses disagree: {told}", (shot.whole,), 1.0))
    return claims


def tell_answer(program: Act, verdict: Verdict, shot: PhotoEvidence, tell: Teller) -> Claim:
    """One sentence that begins with the answer."""
    inside, numbers = tell.inside(shot), tell.numbers(shot, program.things) or (shot.whole,)
    if verdict.blank:
        return Claim(f"I can make out nothing {inside}: it is blank or noise", (shot.whole,), 1.0)
    if verdict.outcome == "unknown":
        guess = f"; my best guess is {verdict.answer}" if verdict.answer else ""
        if verdict.missing:
            return Claim(f"I cannot tell that {inside}: {verdict.missing}{guess}", (shot.whole,), 1.0)
        return Claim(f"I cannot tell that {inside}{guess}; {HELP}", numbers, 1.0)
    if any(one.by in OF_DRAWINGS for one in verdict.said):
        return tell_drawing_answer(verdict, shot, tell)
    doubt = verdict.outcome == "unsure"
    if verdict.answer in ("yes", "no"):
        return tell_yes_no(program, verdict, shot, tell)
    if verdict.answer.startswith("no "):
        return Claim(f"I see {verdict.answer} {inside}", (shot.whole,), verdict.chance)
    or_else = f", or else {verdict.runner_up}" if doubt and verdict.runner_up else ""
    if program.kind == "count" and program.things and verdict.answer.isdigit():
        name = program.things[0].phrase if verdict.answer == "1" else plural(program.things[0].phrase)
        text = f"I {'think I see' if doubt else 'see'} {verdict.answer} {name} {inside}{or_else}"
    elif program.kind == "colour" and program.things:
        text = f"The {program.things[0].phrase} {inside} {'probably ' if doubt else ''}looks {verdict.answer}{or_else}"
    elif verdict.answer.isdigit():
        text = f"I {'think I count' if doubt else 'count'} {verdict.answer} {inside}{or_else}"
    else:
        answer = with_article(verdict.answer) if program.kind == "sort" else verdict.answer
        text = f"{'Probably' if doubt else 'It is'} {answer}{or_else} {inside}"
    return Claim(text, numbers, verdict.chance)


def tell_drawing_answer(verdict: Verdict, shot: PhotoEvidence, tell: Teller) -> Claim:
    """About a drawing, whose questions are of many forms: the answer alone."""
    probably = "" if verdict.outcome == "sure" else "probably "
    if verdict.answer in ("yes", "no"):
        yes = verdict.answer == "yes"
        text = f"{'Yes' if yes else 'No'}, {probably}{'that is so' if yes else 'that is not so'} {tell.inside(shot)}"
    elif verdict.answer.isdigit():
        text = f"I {probably}count {verdict.answer} {tell.inside(shot)}"
    else:
        text = f"It is {probably}{verdict.answer} {tell.inside(shot)}"
    return Claim(text, (shot.whole,), verdict.chance)


def tell_yes_no(program: Act, verdict: Verdict, shot: PhotoEvidence, tell: Teller) -> Claim:
    """Yes or no."""
    yes, hedge = verdict.answer == "yes", "" if verdict.outcome == "sure" else "probably "
    if program.kind == "exist" and len(program.things) == 1:
        if yes:
            return yes_there(program.things[0], shot, tell, verdict.chance)
        said_no = missing(program.things[0], shot, tell, lead="No, ")
        text = said_no.text if not hedge else said_no.text.replace("No, I see", "No, I probably see")
        return Claim(text, said_no.numbers, verdict.chance, "" if hedge else said_no.shape)
    text = f"{'Yes' if yes else 'No'}, {hedge}{'that is' if yes else 'that is not'} what {of(shot, tell)} shows"
    return Claim(text, tell.numbers(shot, program.things) or (shot.whole,), verdict.chance)


def of(shot: PhotoEvidence, tell: Teller) -> str:
    """This photo."""
    return shot.name if tell.needs_name else "this photo"
