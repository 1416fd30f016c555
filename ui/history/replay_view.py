"""A conversation answered again, as HTML: what is missing, how far it is, and every answer with what went and came."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from deepseek_mm import BundleFacts, MissingFile, ModelDifference, ReplayedTurn, ReplayState
from ui.html import button, hint, mark_words, notice, progress
from ui.words import UiTexts, count_noun

ROLES = (  # in the order of words.replay_roles
    "vector space", "looking", "language model", "understanding of questions", "reader of photos", "second look",
    "detector", "describer", "reader of text", "order of passages", "order of code",
)  # fmt: skip
SPEAKER = "language model"  # without it the program's own words stand
SHOWN_DIGITS = 8  # of a fingerprint


def render_offer(facts: BundleFacts, words: UiTexts) -> str:
    """What came in with a bundle, and the button that answers it again."""
    told = [hint(words.replay_from.format(program=facts.program, machine=facts.machine))]
    if facts.num_files:
        told.append(hint(count_noun(words.replay_files, facts.num_files)))
    told += [render_left_out(facts.left_out, words), render_models(facts.models, words)]
    acts = button("again", "", words.replay, look="small go") + button("again_close", "", words.replay_close)
    return f'<section class="replay">{"".join(told)}{hint(words.replay_hint)}<div class="acts">{acts}</div></section>'


def render_replay(state: ReplayState, words: UiTexts) -> str:
    """How it stands, and every turn that was answered again."""
    if state.step == "none":
        return ""
    head = render_progress(state, words) if state.is_active else render_outcome(state, words)
    about = render_models(state.models, words) + render_left_out(state.left_out, words)
    turns = "".join(render_turn(turn, words) for turn in state.turns)
    close = "" if state.is_active else button("again_close", "", words.replay_close)
    title = f"<header><h3>{escape(words.replay)}</h3>{close}</header>"
    return f'<section class="replay">{title}{head}{about}<ol>{turns}</ol></section>'


def render_progress(state: ReplayState, words: UiTexts) -> str:
    """A bar, what is done now, and the button that stops it."""
    done, total = state.files if state.step == "indexing" else (len(state.turns), state.total)
    said = {
        "indexing": words.replay_indexing.format(n=done, total=total),
        "asking": words.replay_asking.format(n=min(done + 1, total), total=total),
    }.get(state.step, words.replay_stopping)
    stop = button("again_stop", "", words.replay_stop) if state.step != "stopping" else ""
    return f'<div class="job">{progress(words.replay, done, total)}{hint(said)}{stop}</div>'


def render_outcome(state: ReplayState, words: UiTexts) -> str:
    """In total, and over what it was answered."""
    if state.step == "failed":
        return notice(words.replay_failed.format(why=words.say(state.message)))
    count = len(state.turns)
    stopped = words.replay_stopped.format(n=count, total=state.total) if state.step == "stopped" else ""
    told = words.replay_all_same if state.num_same == count else words.replay_some_same
    over = words.replay_over_bundle if state.place == "bundle" else words.replay_over_library
    sums = told.format(n=state.num_same, total=count) if count else ""
    return "".join(hint(text) for text in (stopped, sums, over) if text)


def render_models(models: Sequence[ModelDifference], words: UiTexts) -> str:
    """Those that are missing or others, each in a line."""
    if not models:
        return hint(words.replay_models_same)
    rows = "".join(f"<li>{escape(tell_model(each, words))}</li>" for each in models)
    return f'<div class="missing"><b>{escape(words.replay_models)}</b><ul>{rows}</ul></div>'


def tell_model(each: ModelDifference, words: UiTexts) -> str:
    """One of them."""
    roles: Mapping[str, str] = dict(zip(ROLES, words.replay_roles, strict=True))
    role, before, after = roles.get(each.role, each.role), each.before, each.after
    if before is None:
        return words.replay_new.format(role=role, after=after.title if after else "")
    if after is None:
        said = words.replay_unspoken if each.role == SPEAKER else words.replay_missing
        return said.format(role=role, before=before.title)
    if before.name == after.name:
        return words.replay_version.format(role=role, before=before.title, after=after.fingerprint[:SHOWN_DIGITS])
    return words.replay_instead.format(role=role, before=before.title, after=after.title)


def render_left_out(files: Sequence[MissingFile], words: UiTexts) -> str:
    """Files that did not come along, each with its reason."""
    reasons = {
        "gone": words.replay_gone,
        "changed": words.replay_changed,
        "too large": words.replay_too_large,
    }
    told = [f"{each.name} ({reasons[each.why]})" for each in files]
    return hint(words.replay_left_out.format(files=words.join(told))) if told else ""


def render_turn(turn: ReplayedTurn, words: UiTexts) -> str:
    """The question, whether its answer is the same, and the words."""
    look, told = ("same", words.replay_same) if turn.is_same else ("different", words.replay_different)
    seconds = words.replay_seconds.format(before=f"{turn.before.seconds:.1f}", after=f"{turn.after.seconds:.1f}")
    others = "".join(f"<li>{escape(text)}</li>" for text in list_others(turn, words))
    marked = mark_words(turn.difference.words, words) or escape(words.replay_empty)
    return (
        f'<li dir="auto"><b>{escape(turn.question)}</b> <span class="mark {look}">{escape(told)}</span> '
        f'<span class="hint">{escape(seconds)}</span><p class="said">{marked}</p>'
        f"{f'<ul>{others}</ul>' if others else ''}</li>"
    )


def list_others(turn: ReplayedTurn, words: UiTexts) -> Iterator[str]:
    """What differs beside the words."""
    difference = turn.difference
    if difference.citations_removed:
        yield words.replay_uncited.format(files=words.join(difference.citations_removed))
    if difference.citations_added:
        yield words.replay_cited.format(files=words.join(difference.citations_added))
    if turn.understood_otherwise:
        yield words.replay_understood
    before, after = (words.replay_unknown if each is None else f"{each:.0%}" for each in difference.confidence)
    if before != after:
        yield words.replay_sure.format(before=before, after=after)
    if turn.lost:
        yield words.replay_lost.format(files=words.join(turn.lost))
    if turn.unheld:
        yield words.replay_unheld.format(why=words.say(turn.unheld))
