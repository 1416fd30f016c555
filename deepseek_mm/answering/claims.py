"""The claims that evidence carries for a PhotoQuestion, and a verdict of closed VQA in words.

Labels say what there is, boxes how many and where, the file when and how large. The first claim answers the question;
what is only likely says "probably", and what cannot be told is said as such. No language model takes part.
"""

from collections.abc import Sequence
from dataclasses import replace

from deepseek_mm.answering.skills.photo import KINDS, MAX_NAMED, Teller, count, describe, missing, tell_shown, yes_there
from deepseek_mm.answering.skills.pictures import among, none_left
from deepseek_mm.config import Config
from deepseek_mm.language.parser import PhotoQuestion
from deepseek_mm.language.words import join_words, plural, with_article
from deepseek_mm.retrieval.evidence import PhotoEvidence, is_told, is_written, quote_passages, shots_of, shows, unread
from deepseek_mm.types import Claim, Evidence, Verdict

OF_DRAWINGS = ("program", "network")  # witnesses who are asked about nothing else


def tell_verdict(program: PhotoQuestion, verdict: Verdict, shot: PhotoEvidence, tell: Teller) -> list[Claim]:
    """The answer, its doubt and its runner-up; and who said otherwise."""
    claims = [tell_answer(program, verdict, shot, tell)]
    if verdict.outcome == "unknown" and program.kind == "other" and not verdict.blank:
        claims += describe(PhotoQuestion(kind="describe", text=program.text), shot, tell)
    if verdict.disputed:
        told = " but ".join(f"{one.by} says {one.answer} ({one.chance:.0%})" for one in verdict.said)
        claims.append(Claim(f"My witnesses disagree: {told}", (shot.whole,), 1.0))
    return claims


def tell_answer(program: PhotoQuestion, verdict: Verdict, shot: PhotoEvidence, tell: Teller) -> Claim:
    """One sentence that begins with the answer."""
    inside, numbers = tell.inside(shot), tell.numbers(shot, program.things) or (shot.whole,)
    if verdict.blank:
        return Claim(f"I can make out nothing {inside}: it is blank or noise", (shot.whole,), 1.0)
    if verdict.outcome == "unknown":
        return tell_guess(verdict, inside, numbers)
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


def tell_guess(verdict: Verdict, inside: str, numbers: tuple[int, ...]) -> Claim:
    """What is hardly more than a guess, said as one; or why nothing can be told."""
    if verdict.missing or not verdict.answer:
        why = f": {verdict.missing}" if verdict.missing else ""
        return Claim(f"I cannot tell that {inside}{why}", numbers, 1.0)
    if verdict.answer in ("yes", "no"):
        return Claim(f"{verdict.answer.capitalize()}, I would guess, but I am not sure", numbers, verdict.chance)
    return Claim(f"Perhaps {verdict.answer}, but I am not sure", numbers, verdict.chance)


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


def tell_yes_no(program: PhotoQuestion, verdict: Verdict, shot: PhotoEvidence, tell: Teller) -> Claim:
    """Yes or no."""
    yes, hedge = verdict.answer == "yes", "" if verdict.outcome == "sure" else "probably "
    if program.kind == "exist" and len(program.things) == 1:
        if yes:
            return yes_there(program.things[0], shot, tell, verdict.chance)
        said_no = missing(program.things[0], shot, tell, lead="No, ")
        text = said_no.text if not hedge else said_no.text.replace("No, I see", "No, I probably see")
        return Claim(text, said_no.numbers, verdict.chance, "" if hedge else said_no.shape)
    this = tell.inside(shot).removeprefix("in ")
    text = f"{'Yes' if yes else 'No'}, {hedge}{'that is' if yes else 'that is not'} what {this} shows"
    return Claim(text, tell.numbers(shot, program.things) or (shot.whole,), verdict.chance)


MAX_PHOTOS = 4  # photos that a library answer speaks about one by one


def build_claims(
    program: PhotoQuestion, evidence: Sequence[Evidence], config: Config, verdict: Verdict | None = None
) -> tuple[Claim, ...]:
    """The claims, the direct answer first; none when nothing relevant was found. A `verdict` on the one photo at hand
    is the answer.
    """
    if program.given:
        return among(program, evidence, config)
    told = [entry for entry in evidence if is_written(entry)]
    looked_at = [entry for entry in evidence if not is_written(entry)]
    if told and (program.kind == "read" or not looked_at):
        return quote_passages(told, named=not program.library, question=program.text, whole=program.kind == "read")
    if program.kind == "read":
        return () if program.library else tuple(unread(entry.number) for entry in looked_at[:1])
    claims = claims_of_photos(program, looked_at, config, verdict)
    wanted = told and (not claims or program.kind == "other" or is_told(program, told[0]))
    return quote_passages(told, named=False, question=program.text) if wanted else claims


def claims_of_photos(
    program: PhotoQuestion, evidence: Sequence[Evidence], config: Config, verdict: Verdict | None = None
) -> tuple[Claim, ...]:
    """What the photos of the evidence show, as far as they answer."""
    shots, tell = relevant(program, shots_of(evidence, config.see.min_tag), config), Teller(program, config)
    if verdict is not None and shots:
        return tuple(tell_verdict(program, verdict, shots[0], tell))
    if program.library and program.kind in ("which", "exist", "count"):
        return tuple(gallery(program, shots, tell))
    spoken = shots[: MAX_PHOTOS if program.library and program.things else 1]
    return tuple(claim for shot in spoken for claim in KINDS[program.kind](program, shot, tell))


def relevant(program: PhotoQuestion, shots: Sequence[PhotoEvidence], config: Config) -> list[PhotoEvidence]:
    """The photos that may answer: the one at hand, or those that show the things, or those that match well enough."""
    if not program.library or program.total:
        return list(shots)
    if program.things and program.kind != "sort":
        named = any(shot.has_names(program.things, any_of=program.any_of) for shot in shots)
        return [shot for shot in shots if is_believed(program, shot, config, named=named)]
    return [shot for shot in shots if max(entry.score for entry in shot.evidence) >= config.rag.min_score]


def is_believed(program: PhotoQuestion, shot: PhotoEvidence, config: Config, *, named: bool) -> bool:
    """A photo that shows the things likely enough; where labels name them somewhere, a bare likeness must be sure."""
    if shot.has_names(program.things, any_of=program.any_of):
        least = config.see.min_tag
    else:
        least = config.rag.sure if named else config.rag.min_presence
    return shows(shot, program.things, any_of=program.any_of) >= least


def nothing(program: PhotoQuestion) -> str:
    """What to say when there is no claim: what was looked for, and what to do next."""
    if program.given:
        return none_left(program)
    if program.file:
        return f"I know no photo called {program.file}. Add its folder first, under Library or with the command index"
    wanted = join_words([with_article(phrase) for phrase in program.thing_phrases])
    if program.any_of:
        wanted = wanted.replace(" and ", " or ")
    if wanted and program.kind != "other":
        return f"I found no photo that shows {wanted}. Try another word for it, or add photos of it to the library."
    return "I found no photo that fits this question. Ask about something that a photo can show, or add more photos."


def gallery(program: PhotoQuestion, shots: Sequence[PhotoEvidence], tell: Teller) -> list[Claim]:
    """Which photos show it, one claim a photo, after a yes or a number where the question wants one."""
    if program.total and shots:
        numbers = tuple(shot.whole for shot in shots[:MAX_PHOTOS])
        return [Claim(f"There are {program.total} photos in the library, these among them", numbers, 1.0)]
    if not program.things:
        return [matches(shot, tell) for shot in shots[:MAX_PHOTOS]]
    listed_shots = list(shots if program.attribute == "how many" else shots[:MAX_PHOTOS])
    claims = [tell_shown(program, shot, tell) for shot in listed_shots]
    if claims and program.kind == "exist":
        claims[0] = replace(claims[0], text=f"Yes, {claims[0].text}")
    if claims and program.kind == "count":
        each = [claim for shot in listed_shots for claim in count(program, shot, tell)]
        return [total(program, listed_shots, claims)] if program.attribute else each
    return claims


def matches(shot: PhotoEvidence, tell: Teller) -> Claim:
    """A photo that fits words without a thing, or another picture."""
    entry = max(shot.evidence, key=lambda entry: entry.score)
    names = [label.name for label, _ in shot.labels()[:MAX_NAMED]]
    what = f", which {tell.probably(shot.labels()[0][0].score)}shows {with_article(names[0])}" if names else ""
    return Claim(f"{shot.name} is among the closest{what}", (entry.number,), max(0.0, min(1.0, entry.score)))


def total(program: PhotoQuestion, shots: Sequence[PhotoEvidence], claims: Sequence[Claim]) -> Claim:
    """At least 3 photos show a dog."""
    names = join_words([with_article(thing.phrase) for thing in program.things])
    many = f"{len(shots)} photos show" if len(shots) > 1 else "1 photo shows"
    numbers = tuple(dict.fromkeys(claim.numbers[0] for claim in claims))
    return Claim(f"At least {many} {names}", numbers, min(claim.certainty for claim in claims))
