"""How an answer came about, stage by stage, behind one line: what was understood, found, seen, weighed, said, dropped.

Each stage says how long it took. As what the question was understood, and the program of a question, can be changed
where they stand and run again; `before` is the answer that was shown until then.
"""

from collections.abc import Sequence
from html import escape
from typing import get_args

from deepseek_mm import Answer, AnswerStage, AnswerTimeline, AttentionMap, Check, StageName, Verdict
from index import Region
from ui.ask.difference_html import render_program_difference
from ui.ask.request_form import render_understanding
from ui.html import button, hint
from ui.pictures import THUMB_PX, PagePictures
from ui.words import UiTexts

VEIL = 0.75  # opacity over a cell that nobody looked at
BLINK_S = 0.001


def render_timeline(
    answer: Answer, pictures: PagePictures, words: UiTexts, *, before: Answer | None = None, trouble: str = ""
) -> str:
    """The stages that the answer had; open where its reader just ran a program again. `trouble` is what is wrong with
    that program.
    """
    timeline = answer.timeline or AnswerTimeline()
    bodies: dict[StageName, str] = {
        "understood": render_understood(answer, words),
        "retrieved": render_retrieved(answer, timeline.find("retrieved"), words),
        "looked": render_looked(answer, timeline.find("looked"), pictures, words),
        "weighed": render_weighed(answer, timeline.find("weighed"), words, before=before, trouble=trouble),
        "said": hint(tell_wording(answer, words)),
        "verified": render_checks(answer, words),
    }
    rows = "".join(
        render_stage(name, bodies[name], timeline.find(name), words)
        for name in bodies
        if bodies[name] or timeline.find(name)
    )
    took = f' <span class="took">{escape(tell_time(timeline.seconds, words))}</span>' if timeline.stages else ""
    again = " open" if trouble or (before is not None and before.turn == answer.turn) else ""
    return (
        f'<details class="timeline"{again}><summary>{escape(words.why)}{took}</summary>{render_strip(timeline)}'
        f'<ol class="stages">{rows}</ol>{tell_together(timeline, words)}</details>'
    )


def render_stage(name: StageName, body: str, stage: AnswerStage | None, words: UiTexts) -> str:
    """A stage with its time, where it was measured."""
    took = f'<span class="took">{escape(tell_time(stage.seconds, words))}</span>' if stage else ""
    title = escape(dict(zip(get_args(StageName), words.answer_stages, strict=True))[name])
    return f'<li data-stage="{name}"><div class="stage-head"><h3>{title}</h3>{took}</div>{body}</li>'


def render_strip(timeline: AnswerTimeline) -> str:
    """The stages as parts of one line, as long as they took."""
    if not timeline.seconds:
        return ""
    at, parts = 0.0, []
    for stage in timeline.stages:
        wide = 100 * stage.seconds / timeline.seconds
        parts.append(f'<rect data-stage="{stage.name}" x="{at:.2f}" y="0" width="{wide:.2f}" height="1"/>')
        at += wide
    return (
        f'<svg class="strip" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
    )


def tell_time(seconds: float, words: UiTexts) -> str:
    """In milliseconds; from one second on in seconds."""
    if seconds < BLINK_S:
        return words.stage_blink
    return words.stage_s.format(seconds=seconds) if seconds >= 1 else words.stage_ms.format(ms=1000 * seconds)


def tell_together(timeline: AnswerTimeline, words: UiTexts) -> str:
    """Whose time it is, where several questions shared it."""
    return hint(words.stage_together.format(count=timeline.together - 1)) if timeline.together > 1 else ""


def render_understood(answer: Answer, words: UiTexts) -> str:
    """Each act, the form to change them, and what of the conversation was not read."""
    unread = hint(words.unread.format(count=answer.unread)) if answer.unread else ""
    return render_understanding(answer, words) + unread


def render_retrieved(answer: Answer, stage: AnswerStage | None, words: UiTexts) -> str:
    """How much was looked through and kept, and what was near and not likely enough."""
    if stage is None:
        return hint(words.retrieved_none) if answer.timeline else ""
    known = words.retrieved_of if stage.among >= stage.kept and stage.among else words.retrieved_kept
    cited = {citation.region.source.name for citation in answer.citations}
    near = [(name, chance) for name, chance in stage.left_out if name not in cited]
    told = words.join(f"{name} ({100 * chance:.0f} %)" for name, chance in near)
    left = hint(words.left_out_files.format(needed=100 * stage.needed, files=told)) if near else ""
    return hint(known.format(kept=stage.kept, among=stage.among)) + left


def render_looked(answer: Answer, stage: AnswerStage | None, pictures: PagePictures, words: UiTexts) -> str:
    """Which pictures were looked at, by which models, and where in them."""
    seen = []
    if stage is not None and stage.files:
        files, more = words.join(stage.files), stage.kept - len(stage.files)
        files = words.looked_more.format(files=files, count=more) if more > 0 else files
        seen.append(words.looked_at.format(files=files))
    return "".join(map(hint, [*seen, *tell_models(stage, words)])) + render_heat(answer, pictures, words)


def tell_models(stage: AnswerStage | None, words: UiTexts) -> list[str]:
    """Which models were asked."""
    if stage is None or not stage.by:
        return []
    return [words.asked_models.format(models=words.join(getattr(words, f"by_{by}", by) for by in stage.by))]


def render_heat(answer: Answer, pictures: PagePictures, words: UiTexts) -> str:
    """The photo under its veil: the more a cell was looked at, the less of it."""
    heat = answer.verdict.heat if answer.verdict else ()
    heat = heat or (answer.looked.heat if answer.looked else ())
    region = region_looked_at(answer)
    if region is None or not heat:
        return ""
    shine, high, wide = AttentionMap.of(heat).shine(), len(heat), len(heat[0])
    veil = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" opacity="{VEIL * (1 - shine[y, x]):.2f}"/>'
        for y in range(high)
        for x in range(wide)
    )
    address = pictures.address(region.source, region.view, px=THUMB_PX)
    return (
        f'<figure class="looked"><img src="{address}" alt="" loading="lazy" decoding="async">'
        f'<svg viewBox="0 0 {wide} {high}" preserveAspectRatio="none" shape-rendering="crispEdges" '
        f'aria-hidden="true">{veil}</svg></figure>'
        f"{hint(words.looked)}"
    )


def region_looked_at(answer: Answer) -> Region | None:
    """What is cited of the photo that was looked at; the first drawn one where nobody noted which that was."""
    drawn = [citation.region for citation in answer.citations if citation.region.is_drawn]
    path = answer.looked.path if answer.looked else ""
    return next((region for region in drawn if region.source.path == path), drawn[0] if drawn else None)


def render_weighed(
    answer: Answer, stage: AnswerStage | None, words: UiTexts, *, before: Answer | None, trouble: str
) -> str:
    """What each witness thought, what the question gives as a program, and how sure the answer is."""
    asked = "".join(map(hint, tell_models(stage, words)))
    sure = "" if answer.confidence is None else hint(words.sure.format(percent=100 * answer.confidence))
    return asked + render_verdict(answer, words) + render_program(answer, words, before=before, trouble=trouble) + sure


def render_verdict(answer: Answer, words: UiTexts) -> str:
    """The verdict on a closed question as HTML; empty for an answer without one."""
    verdict = answer.verdict
    if verdict is None:
        return ""
    else_ = [words.else_.format(answer=words.name(verdict.runner_up), percent=100 * verdict.runner_chance)]
    lines = [words.witness.format(by=getattr(words, f"by_{one.by}"), answer=words.name(one.answer),
                                  percent=100 * one.chance)
             for one in verdict.said]  # fmt: skip
    if verdict.disputed:
        lines.append(words.disputed)
    acts = answer.request.acts if answer.request else ()
    first = hint(words.weighed_part.format(text=acts[0].text)) if len(acts) > 1 else ""  # the others have no verdict
    rows = "".join(f"<li>{escape(line)}</li>" for line in [*(else_ if verdict.runner_up else ()), *lines])
    return f'<section class="settled {verdict.outcome}">{first}{render_bar(verdict, words)}<ul>{rows}</ul></section>'


def render_bar(verdict: Verdict, words: UiTexts) -> str:
    """The answer with its probability, in words and as a bar."""
    outcome = getattr(words, f"is_{verdict.outcome}")
    said = f"{words.name(verdict.answer)}: {outcome} ({100 * verdict.chance:.0f} %)"
    return (
        f'<p class="told"><span>{escape(said)}</span>'
        f'<meter min="0" max="1" value="{verdict.chance:.3f}" aria-label="{escape(said)}"></meter></p>'
    )


def render_program(answer: Answer, words: UiTexts, *, before: Answer | None = None, trouble: str = "") -> str:
    """The question as a program, to be read, changed and run again; what it gave, and whether that agrees.

    `trouble` says what is wrong with what was written.
    """
    worked = answer.worked
    if worked is None:
        return ""
    agreement = {
        "agrees": words.agrees,
        "contradicts": words.contradicts,
        "not covered": words.not_covered,
    }[worked.agrees]
    gave = words.gave.format(answer=words.name(worked.answer)) if worked.answer else words.say(worked.missing)
    steps = "".join(f"<li><code>{escape(call)}</code> {escape(told)}</li>" for call, told in worked.steps)
    wrong = f'<pre class="wrong" role="alert">{escape(trouble)}</pre>' if trouble else ""
    title = words.program_by_model if worked.by_model else words.program
    return (
        f'<section class="program" data-form><h4>{escape(title)}</h4>'
        f'<textarea rows="2" maxlength="2000" spellcheck="false" aria-label="{escape(words.program)}">'
        f"{escape(worked.program)}</textarea>{button('work', answer.turn, words.run)}{wrong}"
        f'<p class="told {worked.agrees.replace(" ", "-")}">{escape(gave)} <b>{escape(agreement)}</b></p>'
        f"{'' if trouble else render_program_difference(before, answer, words)}"
        f"<details><summary>{escape(words.steps)}</summary><ol>{steps}</ol></details></section>"
    )


def tell_wording(answer: Answer, words: UiTexts) -> str:
    """Whose words the answer has."""
    if not answer.text:
        return words.said_nothing
    if answer.model:
        return words.said_by_model.format(model=answer.model)
    return words.said_instead if answer.utterances else words.said_by_program


def render_checks(answer: Answer, words: UiTexts) -> str:
    """A table of the answer's claims and what became of them, and why."""
    checks = answer.checks
    if not checks:
        return hint(words.why_none) if answer.text else ""
    kept = hint(words.verified_of.format(kept=sum(check.kept for check in checks), among=len(checks)))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in (words.claim, words.verdict, words.reason))
    return f'{kept}<table class="why"><thead><tr>{head}</tr></thead><tbody>{render_rows(checks, words)}</tbody></table>'


def render_rows(checks: Sequence[Check], words: UiTexts) -> str:
    """A row for each claim."""
    rows = []
    for check in checks:
        verdict, style = (words.kept, "kept") if check.kept else (words.dropped, "dropped")
        texts = (words.say(check.claim), verdict, words.say(check.reason))
        rows.append(f'<tr class="{style}">{"".join(f"<td>{escape(text)}</td>" for text in texts)}</tr>')
    return "".join(rows)
