"""A conversation as plain values and as HTML: questions with their pictures, answers with what they cite.

gr.Chatbot could not show this: its sanitiser takes the names and data off every element, and a screen reader reads
raw markup. So the chat is one piece of our own HTML, with `scripts/chat.js` for what happens in the browser.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path

from deepseek_mm import ASK_LEAVE, About, Answer, Citation, Turn
from index import Source
from index.region import at_lines
from ui import edges
from ui.ask.offers import render_offers
from ui.code_html import QUOTED, CodeBlock, block, is_listed, pieces, run_words, sentences
from ui.html import button, copier
from ui.pictures import PagePictures
from ui.region_html import caption, crop
from ui.words import UiTexts


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A picture that came with a question."""

    name: str  # as the user knows it
    path: str  # where it lies; empty when it was never kept


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatExchange:
    """One question and its answer, as far as it has come."""

    question: str
    answer: Answer
    uploads: tuple[Upload, ...] = ()
    rating: str = ""  # "up", "down", or none
    right: str = ""  # what the answer should have been, where somebody said so
    confirming: int = -1  # number of the offer that waits for a yes; -1 if none does
    done: str = ""  # what an offer that was agreed to has done


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """The newest exchanges of one conversation, oldest first."""

    conversation: int | None = None  # None until its first answer is in the history
    exchanges: tuple[ChatExchange, ...] = ()
    earlier: int = 0  # how many came before these
    about: About = "photos"
    editing: int = 0  # the turn whose question is in the box to be asked otherwise; 0 if none is

    def with_answer(self, answer: Answer) -> "Talk":
        """The same talk, its last exchange answered so far by `answer`."""
        *before, last = self.exchanges
        number = answer.conversation or self.conversation
        return replace(self, conversation=number, exchanges=(*before, replace(last, answer=answer)))

    def with_exchange(self, exchange: ChatExchange) -> "Talk":
        """The same talk with one more exchange."""
        return replace(self, exchanges=(*self.exchanges, exchange))

    def find(self, turn: int) -> ChatExchange | None:
        """The exchange with this id in the history."""
        return next((each for each in self.exchanges if turn and each.answer.turn == turn), None)

    def find_citation(self, what: str) -> tuple[Answer, int] | None:
        """The answer that holds a citation named as "turn:number", and the citation's index in it, or -1."""
        turn, _, number = what.partition(":")
        if (exchange := self.find(edges.number(turn))) is None:
            return None
        answer = exchange.answer
        return answer, next((n for n, each in enumerate(answer.citations) if str(each.number) == number), -1)

    def before(self, turn: int) -> "Talk":
        """The talk as it was when this turn's question was not asked yet."""
        kept = tuple(each for each in self.exchanges if each.answer.turn < turn)
        return replace(self, exchanges=kept, editing=0)

    def with_changes(self, turn: int, **changes: object) -> "Talk":
        """The same talk, the exchange of this turn changed."""
        done = (
            replace(each, **changes) if each.answer.turn == turn else each  # type: ignore[arg-type]
            for each in self.exchanges
        )
        return replace(self, exchanges=tuple(done))


def exchange_of(turn: Turn) -> ChatExchange:
    """A turn out of the history."""
    first = [(turn.image_name, turn.image_path)] if turn.image_name or turn.image_path else []
    uploads = tuple(Upload(name=name or Path(path).name, path=path) for name, path in (*first, *turn.more))
    return ChatExchange(
        question=turn.question, answer=turn.answer, uploads=uploads, rating=turn.rating, right=turn.right
    )


def talk_of(turns: Sequence[Turn], earlier: int = 0) -> Talk:
    """A conversation out of the history, `earlier` turns of it not among these."""
    number = turns[0].conversation if turns else None
    about: About = turns[-1].about if turns else "photos"
    return Talk(conversation=number, exchanges=tuple(map(exchange_of, turns)), earlier=earlier, about=about)


CITED = re.compile(r"\[(\d{1,4})\]")
END = "([.,;:!?]?)"  # stays on the line of the number before it
KEPT = "deepseek-mm-at"  # where the browser keeps which conversation a page shows


@dataclass(frozen=True, kw_only=True)
class Chat:
    """Makes the HTML of a talk. `acts` is False where it is only read, `runs` True where code in it can be run.

    Backquotes mean `code` in talks about code only: text that was read in a photo is shown letter by letter.
    """

    pictures: PagePictures
    words: UiTexts
    acts: bool = True
    code: bool = False
    runs: bool = False
    kept: str = KEPT

    def html(self, talk: Talk, offers: Sequence[str] = (), *, lacks: str = "") -> str:
        """The whole talk; or what to do first where there is none yet: questions to begin with, or what `lacks`."""
        chat = replace(self, code=True) if talk.about == "code" else self
        rows = "".join(chat._exchange(each, is_last=each is talk.exchanges[-1]) for each in talk.exchanges)
        if not rows:
            return self._welcome(offers, lacks) if self.acts else ""
        more = button("earlier", "", self.words.earlier.format(count=talk.earlier)) if talk.earlier else ""
        busy = str(talk.exchanges[-1].answer.state == "running").lower()
        name = f'aria-label="{escape(self.words.conversation)}" data-at="{talk.conversation or ""}" {self._data}'
        look = "talk of-code" if chat.code else "talk"
        return f'<div class="{look}" role="log" tabindex="0" aria-busy="{busy}" {name}>{more}{rows}</div>'

    @property
    def _data(self) -> str:
        """What the scripts need to know of a conversation."""
        told = f'data-kept="{escape(self.kept)}"'
        return f'{told} data-words="{escape(run_words(self.words))}"' if self.runs else told

    def _welcome(self, offers: Sequence[str], lacks: str) -> str:
        words = self.words
        lines = "".join(f"<li>{escape(line)}</li>" for line in words.welcome)
        tried = "".join(button("example", n, name_example(text, words), look="offer") for n, text in enumerate(offers))
        hint = f'<p class="hint">{escape(words.welcome_try)}</p><div class="offers">{tried}</div>' if offers else lacks
        return (
            f'<div class="talk fresh" data-at="" {self._data}><h2>{escape(words.welcome_title)}</h2><ol>{lines}</ol>'
            f"{hint}</div>"
        )

    def _exchange(self, each: ChatExchange, *, is_last: bool) -> str:
        answer, words = each.answer, self.words
        said = self._claims(answer) or escape(words.looking if answer.state == "running" else words.silent)
        ending = {"stopped": words.cut_stopped, "failed": words.cut_failed}.get(answer.state, "")
        cut = f' <em class="cut">{escape(ending)}</em>' if ending else ""
        pictures = "".join(self._upload(upload) for upload in each.uploads)
        return (
            f'<article class="exchange" data-turn="{answer.turn}"><div class="asked">{pictures}'
            f'<p class="question" dir="auto">{escape(each.question)}</p>{self._under_question(each)}</div>'
            f'<div class="answered {answer.state}"><div class="say" dir="auto">{said}{cut}</div>'
            f"{self._under_answer(each, is_last)}"
            "</div></article>"
        )

    def _claims(self, answer: Answer) -> str:
        """The answer's sentences; one that cites is a claim, which lights its boxes. Between them blocks of code."""
        by_number = {citation.number: citation for citation in answer.citations}
        parts = []
        for n, piece in enumerate(pieces(answer.text) if self.code else [answer.text]):
            if isinstance(piece, CodeBlock):
                parts.append(block(piece, f"{answer.turn}:{n}", self.words, runs=self.runs))
            else:
                parts += [self._claim(sentence, answer.turn, by_number) for sentence in sentences(piece)]
        return "".join(parts)

    def _claim(self, sentence: str, turn: int, by_number: dict[int, Citation]) -> str:
        quoted = list(QUOTED.finditer(sentence)) if self.code else []
        plain = QUOTED.sub("", sentence) if self.code else sentence
        numbers = [int(n) for n in CITED.findall(plain) if int(n) in by_number]
        cited = [by_number[number] for number in dict.fromkeys(numbers)]
        at, parts = 0, []
        for code in quoted:
            parts += [self._prose(sentence[at : code.start()], turn, cited), f"<code>{escape(code[0][1:-1])}</code>"]
            at = code.end()
        html = "".join([*parts, self._prose(sentence[at:], turn, cited)])
        if not numbers:
            return html
        return f'<span class="claim" data-numbers="{" ".join(map(str, numbers))}">{html}</span>'

    def _prose(self, text: str, turn: int, cited: Sequence[Citation]) -> str:
        """A part of a sentence: numbers that it cites become buttons, and so do their places where it tells them."""
        known = {f"[{each.number}]": self._cite(turn, each) for each in cited}
        for each in reversed(cited):  # of two at one place the first
            if is_listed(each.region):
                place = at_lines(each.region.source.name, each.region.lines)
                known[place] = self._place(turn, each, place)
        if not known:
            return escape(text)
        longest = sorted(known, key=len, reverse=True)
        first, *rest = re.split("(" + "|".join(map(alone, longest)) + f"){END}", text)
        told = zip(rest[::3], rest[1::3], rest[2::3], strict=True)  # what is known, the mark behind it, what follows
        return escape(first) + "".join(
            wrap_mark(known[what] + mark, what) + escape(after) for what, mark, after in told
        )

    def _place(self, turn: int, citation: Citation, place: str) -> str:
        what = f'data-act="cite" data-what="{turn}:{citation.number}" title="{escape(citation.region.source.path)}"'
        return f'<button type="button" class="place" {what}>{escape(place)}</button>'

    def _cite(self, turn: int, citation: Citation) -> str:
        name = escape(caption(citation, self.words))
        return (
            f'<button type="button" class="cite" data-act="cite" data-what="{turn}:{citation.number}" '
            f'title="{name}" aria-label="{name}">{crop(self.pictures, citation)}<b>[{citation.number}]</b></button>'
        )

    def _upload(self, upload: Upload) -> str:
        if not upload.path:
            return f'<p class="upload">[{escape(upload.name)}]</p>'
        address = self.pictures.address(Source(path=upload.path))
        return f'<img class="upload" src="{address}" alt="{escape(upload.name)}" title="{escape(upload.name)}">'

    def _under_question(self, each: ChatExchange) -> str:
        if not self.acts or not each.answer.turn or each.answer.state == "running":
            return ""
        return f'<div class="acts">{self._copy(each.question)}{self._act("edit", each)}</div>'

    def _under_answer(self, each: ChatExchange, is_last: bool) -> str:
        answer = each.answer
        if answer.state == "running":
            return ""
        foot = f'<p class="foot">{escape(" - ".join(about(answer, self.words)))}</p>'
        if not self.acts or not answer.turn:
            return foot
        votes = self._vote(each, "up", self.words.good) + self._vote(each, "down", self.words.bad)
        names = ("retry", "branch", "evidence", "inside")
        acts = "".join(self._act(name, each) for name in (("try", *names) if ASK_LEAVE in answer.text else names))
        right = self._right(each) if each.rating == "down" and not self.code else ""
        offers = render_offers(answer, each.confirming, each.done, self.words)
        return f'{offers}{foot}<div class="acts">{self._copy(answer.text)}{acts}{votes}</div>{right}'

    def _act(self, act: str, each: ChatExchange) -> str:
        text = {
            "edit": self.words.edit,
            "try": self.words.code_try,
            "retry": self.words.ask_again,
            "branch": self.words.branch,
            "evidence": self.words.show_evidence,
            "inside": self.words.inside,
        }[act]
        return button(act, each.answer.turn, text, label=f"{text}: {each.question[:80]}")

    def _vote(self, each: ChatExchange, rating: str, text: str) -> str:
        return button(rating, each.answer.turn, text, look=f"small {rating}", pressed=each.rating == rating)

    def _right(self, each: ChatExchange) -> str:
        """A field for what the answer should have been; it can be learned from."""
        words = self.words
        name, keep = escape(words.right_answer), button("right", each.answer.turn, words.right_keep)
        shape = escape(hint_of(each.answer, words))
        field = (
            f'<input type="text" maxlength="80" placeholder="{shape}" aria-label="{name}" value="{escape(each.right)}">'
        )
        kept = f'<span class="hint" role="status">{escape(words.right_kept)}</span>' if each.right else ""
        return f'<div class="acts typed right-answer"><span class="hint">{name}</span>{field}{keep}{kept}</div>'

    def _copy(self, text: str) -> str:
        words = self.words
        return copier(text, words.copy, words.copied, label=f"{words.copy}: {text[:80]}")


def alone(what: str) -> str:
    """A pattern for a number in brackets; or for a place, where it is no part of a longer one."""
    return re.escape(what) if what.startswith("[") else rf"(?<![\w./-]){re.escape(what)}(?![-\d])"


def wrap_mark(html: str, what: str) -> str:
    """A number and the mark behind it on one line; a place may be longer than that."""
    return f'<span class="held">{html}</span>' if what.startswith("[") else html


def name_example(text: str, words: UiTexts) -> str:
    """A question as its button says it: one of several lines is a traceback."""
    return words.code_crash if "\n" in text else text.replace("`", "")


def hint_of(answer: Answer, words: UiTexts) -> str:
    """What a right answer to such a question looks like."""
    act = answer.request.acts[0] if answer.request and answer.request.acts else None
    if act is None:
        return words.right_hint
    if act.attribute == "colour":
        return words.right_hint_colour
    forms = {"yes_no": words.right_hint_yes_no, "number": words.right_hint_number}
    kinds = {"count": words.right_hint_number, "sum": words.right_hint_number, "read": words.right_hint_text,
             "document": words.right_hint_text, "look": words.right_hint_thing}  # fmt: skip
    return forms.get(act.form) or kinds.get(act.kind) or words.right_hint


def about(answer: Answer, words: UiTexts) -> Sequence[str]:
    """How long it took, who phrased it, how sure it is."""
    line = [getattr(words, answer.state).format(seconds=answer.seconds)]
    if answer.model:
        line.append(words.phrased.format(model=answer.model))
    if answer.confidence is not None:
        line.append(words.sure.format(percent=100 * answer.confidence))
    return line
