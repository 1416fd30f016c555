"""The Learning tab: what was corrected, a button that learns from it, and every version with what it changed.

It places the components, and turns what its handlers say and show into updates. While something is learned
a timer looks whether it is done.
"""

from dataclasses import dataclass
from html import escape

import gradio as gr

from deepseek_mm import Caller, Score, Version
from ui import edges
from ui.edges import ActionResult, Handlers
from ui.gateway.events import QUIET, Press, Updates, caller_of, needs_right
from ui.html import button, heading, hint, line, notice, piece
from ui.words import count_noun


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningView:
    """The tab as it stands."""

    state: str
    versions: str
    running: bool = False
    may_learn: bool = False  # there are corrections enough, and nothing is being learned
    may_return: bool = False  # something learned answers


@dataclass(frozen=True, kw_only=True)
class LearningHandlers(Handlers):
    """Learns, accepts and goes back."""

    def look(self, caller: Caller) -> LearningView:
        """What is new, what answers, what the last training came to, and all versions."""
        words = self.words
        try:
            last = self.services.learning.find_job(caller)
            state = self.services.learning.describe_state(caller)
            running = last is not None and not last.is_ended
            lines = [words.learn_answers.format(told=self._name_version(state.answering if not state.trouble else 0))]
            new = sum(state.waiting.values())
            lines.append(count_noun(words.learn_waiting, new))
            lacking = state.fewest - new
            lines += [count_noun(words.learn_lacks, lacking)] if lacking > 0 else []
            shown = "".join(map(hint, lines)) + notice(words.say(state.trouble))
            if running:
                shown += hint(words.learn_running)
            elif last and last.state == "failed":
                shown += notice(words.say(last.message))
            versions = "".join(self._version(each, now=each.number == state.answering) for each in state.versions)
            return LearningView(
                state=shown,
                versions=versions or hint(words.learn_none),
                running=running,
                may_learn=lacking <= 0 and not running,
                may_return=state.answering > 0,
            )
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return LearningView(state=notice(edges.sentence(error, words)), versions="")

    def learn(self, caller: Caller) -> ActionResult:
        """Begin to learn from what is new."""

        def begin() -> str:
            self.services.learning.train(caller)
            return self.words.learn_begun

        return self.say(begin)

    def back(self, caller: Caller) -> ActionResult:
        """Answer with what answered before."""
        words, go_back = self.words, self.services.learning.go_back
        return self.say(lambda: words.learn_gone_back.format(told=self._name_version(go_back(caller))))

    def accept(self, caller: Caller, what: str, insisted: int) -> tuple[ActionResult, int]:
        """Answer with a version; one that should not be taken needs a second press. And the number that was refused."""
        words, number = self.words, edges.number(what)
        try:
            version = self.services.learning.find_version(caller, number)
            if version.objections and insisted != number:
                why = words.say("; ".join(version.objections))
                return ActionResult(text=words.learn_insist_why.format(number=number, why=why), wrong=True), number
            self.services.learning.accept(caller, number, force=insisted == number)
        except Exception as error:  # noqa: BLE001 - as above
            return ActionResult(text=edges.sentence(error, words), wrong=True), 0
        return ActionResult(text=words.learn_accepted.format(number=number)), 0

    def _name_version(self, number: int) -> str:
        return self.words.learn_version.format(number=number) if number else self.words.learn_shipped

    def _version(self, version: Version, *, now: bool) -> str:
        """One version: what it changed, what speaks against it, and its button unless it answers `now`."""
        words = self.words
        title = words.learn_made.format(number=version.number, made=version.made_at[:16].replace("T", " "))
        base = words.learn_on.format(base=self._name_version(version.base))
        against = "".join(f"<li>{escape(words.say(each))}</li>" for each in version.objections)
        against = f'<div class="notice"><p>{escape(words.learn_against)}</p><ul>{against}</ul></div>' if against else ""
        text = words.learn_insist if version.objections else words.learn_accept
        act = (
            f"<b>{escape(words.learn_is_now)}</b>"
            if now
            else button("accept", version.number, text, label=f"{text}: {title}")
        )
        return (
            f'<section class="lesson" aria-label="{escape(title)}"><header><h3>{escape(title)}</h3>{act}</header>'
            f"{hint(base)}{against}{self._table(version)}{self._list_changes(version)}{hint(words.learn_no_index)}</section>"
        )

    def _table(self, version: Version) -> str:
        words = self.words
        names = (words.learn_questions, words.learn_count, words.learn_before, words.learn_after, words.learn_change)
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
        rows = "".join(f"<tr>{self._row(score)}</tr>" for score in version.scores)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def _row(self, score: Score) -> str:
        name = getattr(self.words, f"asked_{score.name.replace(' ', '_').replace('-', '_')}", score.name)
        look = "up" if score.gained > score.lost else "down" if score.lost > score.gained else ""
        change = f'<td class="{look}">+{score.gained} &minus;{score.lost}</td>'
        numbers = "".join(f"<td>{number}</td>" for number in (score.count, score.before, score.after))
        return f'<th scope="row">{escape(name)}</th>{numbers}{change}'

    def _list_changes(self, version: Version) -> str:
        """Questions whose answers are others now."""
        rows = "".join(
            f"<li>{escape(photo)}: {escape(question)} {escape(old)} &rarr; <b>{escape(new)}</b></li>"
            for question, photo, old, new in version.changed
            if old != new
        )
        title = escape(self.words.learn_changed)
        return f"<details><summary>{title}</summary><ul>{rows}</ul></details>" if rows else ""


LOOK_S = 1.0  # between two looks while something is learned


@dataclass(frozen=True, kw_only=True)
class LearningTab:
    """Components of the tab and their events."""

    handlers: LearningHandlers
    said: gr.HTML
    state: gr.HTML
    learn: gr.Button
    back: gr.Button
    versions: gr.HTML
    insisted: gr.State  # number of the version that was refused last: pressed again, it is taken
    timer: gr.Timer

    @classmethod
    def place(cls, lessons: LearningHandlers) -> "LearningTab":
        """Put the tab on the page that is being built."""
        words = lessons.words
        piece(heading(words.learn_title) + hint(words.learn_hint), listens="")
        state = piece(listens="")
        with gr.Row():
            learn = gr.Button(words.learn_now, variant="primary", size="sm", min_width=120, interactive=False)
            back = gr.Button(words.learn_back, size="sm", min_width=120, interactive=False)
        said = piece(listens="", visible=False)
        versions = piece(elem_classes="lessons")
        return cls(
            handlers=lessons, said=said, state=state, learn=learn, back=back, versions=versions, insisted=gr.State(0),
            timer=gr.Timer(LOOK_S, active=False),
        )  # fmt: skip

    def join(self, tab: gr.Tab) -> None:
        """Connect the components with the handlers."""
        outputs = [self.said, self.state, self.learn, self.back, self.versions, self.insisted, self.timer]
        tab.select(self._show, None, outputs, **QUIET)
        self.timer.tick(self._show, None, outputs, **QUIET)
        self.learn.click(self._learn, None, outputs, **QUIET)
        self.back.click(self._back, None, outputs, **QUIET)
        self.versions.click(self._press, self.insisted, outputs, **QUIET)

    @needs_right("settings")
    def _show(self, request: gr.Request) -> Updates:
        return self.show(caller_of(request))

    def show(self, caller: Caller) -> Updates:
        """Updates for a tab that shows everything as it stands."""
        look = self.handlers.look(caller)
        return {
            self.state: look.state,
            self.learn: gr.Button(interactive=look.may_learn),
            self.back: gr.Button(interactive=look.may_return),
            self.versions: look.versions,
            self.timer: gr.Timer(active=look.running),
        }

    @needs_right("settings")
    def _learn(self, request: gr.Request) -> Updates:
        return self._report(caller_of(request), self.handlers.learn(caller_of(request)))

    @needs_right("settings")
    def _back(self, request: gr.Request) -> Updates:
        return self._report(caller_of(request), self.handlers.back(caller_of(request)))

    @needs_right("settings")
    def _press(self, request: gr.Request, insisted: int, event: Press) -> Updates:
        """A version's button."""
        if event.act != "accept":
            return {self.said: gr.skip()}
        caller = caller_of(request)
        said, refused = self.handlers.accept(caller, event.what, insisted)
        return {**self._report(caller, said), self.insisted: refused}

    def _report(self, caller: Caller, said: ActionResult) -> Updates:
        return {**self.show(caller), self.said: line(said)}
