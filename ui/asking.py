"""What happens when something is pressed in the Ask tab: plain generators and functions, tested without a browser."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

from deepseek_mm import Answer, Assistant, Citation, Question
from ui import edges
from ui.running import Running
from ui.talk import Exchange, Talk, talk_of
from ui.words import Words

Entry = Mapping[str, Any]  # what gr.MultimodalTextbox holds: {"text": str, "files": [path]}
QUIET_S = 10.0  # how long a new conversation waits for the old one's answer to stop
CLEAR: Entry = {"text": "", "files": []}


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What the tab shall show. None leaves a part as it is."""

    talk: Talk
    notice: str = ""
    busy: bool = False
    entry: Entry | None = None  # of the question box
    shown: Answer | None = None  # whose evidence the board shows


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What happens when something is pressed in the Ask tab."""

    assistant: Assistant
    running: Running[Answer]
    thumbs: edges.Thumbs
    words: Words
    anew: set[str] = field(default_factory=set)  # pages whose next question begins a new conversation

    def ask(self, entry: Entry | None, talk: Talk, kept: object, page: str) -> Iterator[View]:
        """Answer what is in the box, view by view. An error becomes a sentence, and the question stays in the box."""
        begun = page in self.anew  # and the page may not even have shown yet that it is empty
        if begun:
            self.quiet(page)
            talk = Talk()
        try:
            question, exchange = self._question(entry, talk, kept)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            yield View(talk=talk, notice=edges.sentence(error, self.words), entry=entry)
            return
        before, talk = talk, talk.asked(exchange)
        yield View(talk=talk, busy=True, entry=CLEAR, shown=exchange.answer if begun else None)
        try:
            for view in self._follow(question, talk, page):
                talk = view.talk
                yield view
        except Exception as error:  # noqa: BLE001 - as above; what has arrived stays
            started = bool(talk.exchanges[-1].answer.text)
            view_talk = talk.answered(_failed(talk)) if started else before
            yield View(talk=view_talk, notice=edges.sentence(error, self.words), entry=CLEAR if started else entry)

    def stop(self, page: str) -> None:
        """Stop what this page is waiting for."""
        self.running.stop(page)

    def quiet(self, page: str) -> None:
        """Stop it and wait, so that no late view of it follows what is shown next."""
        self.anew.discard(page)
        self.running.stop(page, wait_s=QUIET_S)

    def begin_anew(self, page: str) -> None:
        """A new conversation is wanted: what runs is stopped, and the next question does not go on with the old one."""
        self.anew.add(page)
        self.running.stop(page, wait_s=QUIET_S)

    def is_still_new(self, page: str) -> bool:
        """Whether the empty conversation is still to be shown: not if a question was asked in it already."""
        return page in self.anew

    def chosen(self, talk: Talk, message: int) -> Answer | None:
        """The answer that a message of the chat belongs to."""
        return talk.exchanges[message // 2].answer if 0 <= message // 2 < len(talk.exchanges) else None

    def resume(self, conversation: int, kept: object) -> View:
        """A conversation out of the history, to go on with. NothingThere if it is not this browser's."""
        turns = self.assistant.history.turns(conversation, session=edges.require_session(kept, self.words))
        talk = talk_of(turns, self.small)
        return View(talk=talk, entry=CLEAR, shown=talk.exchanges[-1].answer if talk.exchanges else None)

    def small(self, path: str) -> str:
        """Path of a small copy of an upload; empty when it cannot be read any more."""
        try:
            return self.thumbs.keep(edges.read_upload(Path(path), max_pixels=self.assistant.config.parse.max_pixels))
        except (OSError, ValueError):
            return ""

    def _question(self, entry: Entry | None, talk: Talk, kept: object) -> tuple[Question, Exchange]:
        text, path = edges.split_entry(entry)
        image = edges.read_upload(path, max_pixels=self.assistant.config.parse.max_pixels) if path else None
        name = path.name if path else ""
        question = Question(
            text=text or (self.words.picture_alone if image else ""),
            image=image,
            image_name=name,
            image_path=str(path or ""),
            conversation=talk.conversation,
            session=edges.require_session(kept, self.words),
        )
        picture = self.thumbs.keep(image) if image else ""
        waiting = Answer(text="", state="running")
        return question, Exchange(question=question.text, answer=waiting, picture=picture, picture_name=name)

    def _follow(self, question: Question, talk: Talk, page: str) -> Iterator[View]:
        def make(stop: Event) -> Iterator[Answer]:
            return self.assistant.stream(question, stop=stop)

        cited: tuple[Citation, ...] = ()
        for answer in self.running.follow(page, make):
            talk, over = talk.answered(answer), answer.state != "running"
            changed = answer.citations != cited
            cited = answer.citations
            yield View(talk=talk, busy=not over, shown=answer if over or changed else None)


def _failed(talk: Talk) -> Answer:
    return replace(talk.exchanges[-1].answer, state="failed")
