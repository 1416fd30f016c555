"""Handlers of the Ask tab: plain generators and functions, tested without a browser."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from deepseek_mm import (
    About,
    Answer,
    Caller,
    Citation,
    DeepSeekMMError,
    Inspection,
    Picture,
    Question,
    check_run,
    draw_inspection,
    require_right,
)
from ui import edges
from ui.ask.chat import ChatExchange, Talk, Upload, talk_of
from ui.ask.inspection_panel import picture_texts
from ui.ask.offers import AGREE, carry_out, find_offer
from ui.ask.request_form import read_meant
from ui.edges import Handlers
from ui.words import UiTexts

Entry = Mapping[str, Any]  # what gr.MultimodalTextbox holds: {"text": str, "files": [path]}
QUIET_S = 10.0  # how long a new conversation waits for the old one's answer to stop
CLEAR: Entry = {"text": "", "files": []}
PAGE = 20  # exchanges shown at first, and added by "earlier"
POLL_S = 0.3  # between two looks at an answer that goes on while its page was loaded anew


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What the tab shall show. None leaves a part as it is."""

    talk: Talk
    notice: str = ""  # what went wrong
    told: str = ""  # what was done, where that cannot be seen
    busy: bool = False
    entry: Entry | None = None  # of the question box
    shown: Answer | None = None  # whose evidence the board shows
    before: Answer | None = None  # the answer in whose place that one came: what differs is told
    deleted: int = 0  # a conversation that was deleted just now and can be brought back; 0 is none


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedQuestion:
    """A question that can be asked, and how the page shows it."""

    owner: Caller  # with the session of this browser
    question: Question
    exchange: ChatExchange
    entry: Entry | None  # what goes back into the box if it fails
    notice: str = ""  # which pictures were left out
    begun: bool = False  # it begins a new conversation on a page that still shows the old one


@dataclass(frozen=True, kw_only=True)
class AskHandlers(Handlers):
    """Handlers of the Ask tab. `page` is the name of one open page."""

    anew: set[str] = field(default_factory=set)  # pages whose next question begins a new conversation
    about: About = "photos"

    def ask(self, caller: Caller, entry: Entry | None, talk: Talk, kept: object, page: str) -> Iterator[View]:
        """Answer what is in the box, view by view. An error becomes a sentence, and the question stays in the box."""
        begun = self._own(page) in self.anew  # and the page may not even have shown yet that it is empty
        if begun:
            self.quiet(caller, page)
            talk = Talk()
        try:
            require_right(caller, "ask")
            asked = replace(self._question(caller, entry, kept), begun=begun)
            talk = self._branch_before(caller, talk, kept) if talk.editing else talk
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            yield View(talk=talk, notice=edges.sentence(error, self.words), entry=entry)
            return
        yield from self._answer(asked, talk, page)

    def again(self, caller: Caller, turn: int, talk: Talk, kept: object, page: str, **changes: Any) -> Iterator[View]:
        """Ask a question again: the last one's answer is replaced, an earlier one begins a branch. `changes`: fields of
        the question. Nothing happens while the page waits for an answer: the button was pressed twice.
        """
        if self.is_answering(caller, page):
            return
        try:
            exchange = require_exchange(talk.find(turn), self.words)
            owner = edges.owner(caller, kept, self.words)
            entry: Entry = {"text": exchange.question, "files": [upload.path for upload in exchange.uploads]}
            asked = self._question(caller, entry, kept, names=[upload.name for upload in exchange.uploads])
            asked = replace(asked, question=replace(asked.question, **changes))
            if talk.conversation and exchange is talk.exchanges[-1]:
                self.services.history.drop_last(owner, talk.conversation, turn)
                kept_talk = talk.before(turn)
            else:
                kept_talk = self._branch_before(caller, replace(talk, editing=turn), kept)
        except Exception as error:  # noqa: BLE001 - as above
            yield View(talk=talk, notice=edges.sentence(error, self.words))
            return
        for view in self._answer(asked, kept_talk, page):
            yield replace(view, before=exchange.answer)

    def try_test(self, caller: Caller, turn: int, talk: Talk, kept: object, page: str) -> Iterator[View]:
        """Ask for a test again, which is tried in the sandbox this time, if the caller may have programs run."""
        try:
            check_run(self.assistant.config.sandbox, caller)
        except Exception as error:  # noqa: BLE001 - as above
            return iter([View(talk=talk, notice=edges.sentence(error, self.words))])
        return self.again(caller, turn, talk, kept, page, run=True)

    def ask_as_meant(self, caller: Caller, turn: int, sent: str, talk: Talk, kept: object, page: str) -> Iterator[View]:
        """Ask a question again as its asker says that it was meant, and keep that as feedback; `sent`: see
        `request_form`.
        """
        try:
            answer = require_exchange(talk.find(turn), self.words).answer
            if answer.request is None:
                raise edges.NoTurn(self.words.gone)
            meant = read_meant(answer.request, sent, self.words)
        except Exception as error:  # noqa: BLE001 - as above
            yield View(talk=talk, notice=edges.sentence(error, self.words))
            return
        asked_as = 0
        for view in self.again(caller, turn, talk, kept, page, request=meant):
            last = view.talk.exchanges[-1].answer if view.talk.exchanges else None
            if last and last.turn and last.request == meant and last.turn != asked_as:
                asked_as = last.turn
                self.services.history.correct_request(edges.owner(caller, kept, self.words), asked_as, meant)
            yield view

    def edit(self, turn: int, talk: Talk) -> View:
        """Put an earlier question, with its pictures, into the box, to be asked otherwise."""
        exchange = talk.find(turn)
        if exchange is None:
            return View(talk=talk, notice=self.words.gone)
        if self.assistant.files:
            with suppress(DeepSeekMMError):  # those that cannot be had now are not in the box
                self.assistant.files.bring([upload.path for upload in exchange.uploads])
        files = [str(path) for upload in exchange.uploads if (path := Path(upload.path)).is_file()]
        entry: Entry = {"text": exchange.question, "files": files}
        return View(talk=replace(talk, editing=turn), entry=entry)

    def branch(self, caller: Caller, turn: int, talk: Talk, kept: object) -> View:
        """A new conversation that goes on from this answer; the old one stays in the history."""
        try:
            conversation = talk.conversation or 0
            owner = edges.owner(caller, kept, self.words)
            branched = self.services.history.branch(owner, conversation, before=turn + 1)
            view = self.resume(caller, branched or conversation, kept)
            return replace(view, told=self.words.branched)
        except Exception as error:  # noqa: BLE001 - as above
            return View(talk=talk, notice=edges.sentence(error, self.words))

    def rate(self, caller: Caller, turn: int, rating: str, talk: Talk, kept: object) -> View:
        """A thumb up or down; the same thumb again takes it back."""
        try:
            exchange = require_exchange(talk.find(turn), self.words)
            rating = "" if exchange.rating == rating else rating
            owner = edges.owner(caller, kept, self.words)
            self.services.history.rate(owner, turn, rating)  # type: ignore[arg-type]  # "up", "down" or ""
            return View(talk=talk.with_changes(turn, rating=rating))
        except Exception as error:  # noqa: BLE001 - as above
            return View(talk=talk, notice=edges.sentence(error, self.words))

    def put_right(self, caller: Caller, turn: int, right: str, talk: Talk, kept: object) -> View:
        """What an answer should have been; empty words take it back."""
        try:
            require_exchange(talk.find(turn), self.words)
            self.services.history.put_right(edges.owner(caller, kept, self.words), turn, right)
            return View(talk=talk.with_changes(turn, right=" ".join(right.split())))
        except Exception as error:  # noqa: BLE001 - as above
            return View(talk=talk, notice=edges.sentence(error, self.words))

    def offer(self, what: str, talk: Talk) -> View:
        """Ask once more before what was offered is done; `what` is "turn:number"."""
        turn, number = split_offer(what)
        return View(talk=talk.with_changes(turn, confirming=number))

    def agree(self, caller: Caller, act: str, what: str, talk: Talk, kept: object) -> View:
        """Do what was offered and asked once more. `act` names what the button did, which must be that."""
        try:
            turn, number = split_offer(what)
            exchange = require_exchange(talk.find(turn), self.words)
            offer = find_offer(exchange.answer, number)
            if offer is None or act != f"{AGREE}{offer.action}" or exchange.confirming != number:
                raise edges.NoTurn(self.words.gone)
            done = carry_out(offer, self.services, edges.owner(caller, kept, self.words), self.words)
        except Exception as error:  # noqa: BLE001 - as above
            return View(talk=talk, notice=edges.sentence(error, self.words))
        if offer.action == "forget":
            return View(talk=Talk(), told=done, deleted=edges.number(offer.targets[0]))
        return View(talk=talk.with_changes(turn, confirming=-1, done=done))

    def bring_back(self, caller: Caller, conversation: int, talk: Talk, kept: object) -> View:
        """The conversation that was deleted just now, as it was."""
        try:
            self.services.history.undelete(edges.owner(caller, kept, self.words), conversation)
            return self.resume(caller, conversation, kept)
        except Exception as error:  # noqa: BLE001 - as above
            return View(talk=talk, notice=edges.sentence(error, self.words))

    def work_out(self, caller: Caller, answer: Answer, program: str) -> tuple[Answer, str]:
        """The answer with another program run over its photo; or as it was, and what is wrong with the program."""
        try:
            require_right(caller, "ask")
            return replace(answer, worked=self.assistant.work_out(answer, program)), ""
        except Exception as error:  # noqa: BLE001 - as above
            tried = replace(answer.worked, program=program) if answer.worked else None
            return replace(answer, worked=tried), edges.sentence(error, self.words)

    def inspect(self, caller: Caller, turn: int, talk: Talk, kept: object) -> tuple[Inspection, str]:
        """What happened inside an answer, and the same as a picture. Raises what the services raise."""
        require_exchange(talk.find(turn), self.words)
        owner = edges.owner(caller, kept, self.words)
        told = self.services.inspection.inspect(owner, talk.conversation or 0, turn)
        try:
            photo = self.assistant.picture(told.look.source) if told.look else None
        except DeepSeekMMError:  # the photo is gone: the picture does without
            photo = None
        return told, draw_inspection(told, photo, picture_texts(self.words))

    def earlier(self, caller: Caller, talk: Talk, kept: object) -> View:
        """The same talk with more of what came before."""
        try:
            owner = edges.owner(caller, kept, self.words)
            before = talk.exchanges[0].answer.turn if talk.exchanges else None
            turns = self.services.history.list_turns(owner, talk.conversation or 0, last=PAGE, before=before)
            more = talk_of(turns).exchanges
            left = max(0, talk.earlier - len(more))
            return View(talk=replace(talk, exchanges=(*more, *talk.exchanges), earlier=left))
        except Exception as error:  # noqa: BLE001 - as above
            return View(talk=talk, notice=edges.sentence(error, self.words))

    def resume(self, caller: Caller, conversation: int, kept: object) -> View:
        """A conversation out of the history, to go on with. NothingThere if it is not this browser's."""
        owner = edges.owner(caller, kept, self.words)
        turns = self.services.history.list_turns(owner, conversation, last=PAGE)
        total = self.services.history.count_turns(owner, conversation)
        talk = talk_of(turns, earlier=total - len(turns))
        last = talk.exchanges[-1].answer if talk.exchanges else None
        return View(talk=talk, entry=CLEAR, shown=last, busy=last is not None and last.state == "running")

    def recover_talk(self, caller: Caller, talk: Talk, at: str, kept: object, page: str) -> Talk:
        """The talk; or, where a server that was started anew has forgotten it, the conversation that the page shows."""
        if talk.exchanges or self._own(page) in self.anew or not edges.number(at):
            return talk
        try:
            return self.resume(caller, int(at), kept).talk
        except Exception:  # noqa: BLE001 - it was deleted meanwhile: the page begins a new one
            return talk

    def restore(self, caller: Caller, at: str, kept: object) -> Iterator[View]:
        """What a page showed before it was loaded anew; an answer under way is followed to its end."""
        if not (edges.number(at) and edges.session_of(kept)):
            return
        try:
            while (view := self.resume(caller, int(at), kept)).busy:
                yield replace(view, entry=None)
                time.sleep(POLL_S)
            yield replace(view, entry=None)
        except Exception:  # noqa: BLE001 - the conversation was deleted meanwhile: the page begins empty
            return

    def stop(self, caller: Caller, page: str) -> None:
        """Stop what this page is waiting for."""
        self.services.answers.stop(caller, self._own(page))

    def quiet(self, caller: Caller, page: str) -> None:
        """Stop it and wait, so that no late view of it follows what is shown next."""
        self.anew.discard(self._own(page))
        self.services.answers.stop(caller, self._own(page), wait_s=QUIET_S)

    def begin_anew(self, caller: Caller, page: str) -> None:
        """A new conversation is wanted: what runs is stopped, and the next question does not go on with the old one."""
        self.anew.add(self._own(page))
        self.services.answers.stop(caller, self._own(page), wait_s=QUIET_S)

    def is_still_new(self, page: str) -> bool:
        """Whether the empty conversation is still to be shown: not if a question was asked in it already."""
        return self._own(page) in self.anew

    def is_answering(self, caller: Caller, page: str) -> bool:
        """Whether an answer is on its way to it."""
        return self.services.answers.is_followed(caller, self._own(page))

    def _own(self, page: str) -> str:
        """By what name the answers of this tab are known: a page may wait for one about photos and one about code."""
        return page if self.about == "photos" else f"{page} {self.about}"

    def _branch_before(self, caller: Caller, talk: Talk, kept: object) -> Talk:
        """The talk up to the question that is asked otherwise, as a branch of its own."""
        owner = edges.owner(caller, kept, self.words)
        branched = self.services.history.branch(owner, talk.conversation or 0, before=talk.editing)
        return Talk() if branched is None else self.resume(caller, branched, kept).talk

    def _question(
        self, caller: Caller, entry: Entry | None, kept: object, *, names: Sequence[str] = ()
    ) -> PreparedQuestion:
        """What is in the box, as a question. BadPicture if none of its pictures can be read."""
        text, paths = edges.split_entry(entry)
        pictures, left_out = self._pictures(paths, names)
        first = pictures[0] if pictures else Picture()
        question = Question(
            text=text or (self.words.picture_alone if pictures else ""),
            image=first.image,
            image_name=first.name,
            image_path=first.path,
            image_source=first.source,
            more=tuple(pictures[1:]),
            about=self.about,
        )
        uploads = tuple(Upload(name=picture.name, path=picture.path) for picture in pictures)
        said = self.words.left_out.format(reasons=" ".join(left_out)) if left_out else ""
        exchange = ChatExchange(question=question.text, answer=Answer(text="", state="running"), uploads=uploads)
        owner = edges.owner(caller, kept, self.words)
        return PreparedQuestion(owner=owner, question=question, exchange=exchange, entry=entry, notice=said)

    def _pictures(self, paths: Sequence[Path], names: Sequence[str]) -> tuple[list[Picture], list[str]]:
        """The pictures that can be read, and why the others cannot. If none can, the first one's error is raised."""
        pictures, errors = list[Picture](), list[Exception]()
        for n, path in enumerate(paths):
            try:
                picture = edges.read_upload(path, max_pixels=self.assistant.config.parse.max_pixels)
                pictures.append(replace(picture, name=names[n]) if names else picture)
            except Exception as error:  # noqa: BLE001 - the others are asked about; it is said which one is not
                errors.append(error)
        if errors and not pictures:
            raise errors[0]
        return pictures, [edges.sentence(error, self.words) for error in errors]

    def _answer(self, asked: PreparedQuestion, talk: Talk, page: str) -> Iterator[View]:
        """The views of an answer that is under way."""
        before, talk = talk, talk.with_exchange(asked.exchange)
        shown = asked.exchange.answer if asked.begun else None
        view = View(talk=talk, notice=asked.notice, busy=True, entry=CLEAR, shown=shown)
        yield view
        try:
            for view in self._follow(asked, before, talk, page):
                talk = view.talk
                yield replace(view, notice=asked.notice)
            if view.busy:  # it was stopped before its turn came
                yield View(talk=before, entry=asked.entry)
        except Exception as error:  # noqa: BLE001 - as above; what has arrived stays
            started = bool(talk.exchanges[-1].answer.text)
            failed = talk.with_answer(replace(talk.exchanges[-1].answer, state="failed"))
            after, entry = (failed, CLEAR) if started else (before, asked.entry)
            yield View(talk=after, notice=edges.sentence(error, self.words), entry=entry)

    def _follow(self, asked: PreparedQuestion, before: Talk, talk: Talk, page: str) -> Iterator[View]:
        question = replace(asked.question, conversation=before.conversation)
        run = self.services.answers.start(asked.owner, question, page=self._own(page))
        cited: tuple[Citation, ...] = ()
        for answer in run.follow():
            talk, over = talk.with_answer(answer), answer.state != "running"
            changed = answer.citations != cited
            cited = answer.citations
            yield View(talk=talk, busy=not over, shown=answer if over or changed else None)


def split_offer(what: str) -> tuple[int, int]:
    """Turn and number of an offer, out of "turn:number"; the number is -1 where none is named."""
    turn, _, number = what.partition(":")
    return edges.number(turn), edges.number(number) if number.isdecimal() else -1


def require_exchange(exchange: ChatExchange | None, words: UiTexts) -> ChatExchange:
    if exchange is None:
        raise edges.NoTurn(words.gone)
    return exchange
