"""A conversation as HTML: questions with their pictures, answers whose claims carry small pictures of what they cite.

gr.Chatbot could not show this: its sanitiser takes the names and data off every element, and a screen reader reads
raw markup. So the chat is one piece of our own HTML, with `scripts/chat.js` for what happens in the browser.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from deepseek_mm import Answer, Citation
from index import Source
from ui.exhibits import caption
from ui.html import button
from ui.marks import crop
from ui.pictures import Pictures
from ui.talk import Exchange, Talk, Upload
from ui.words import Words

CITED = re.compile(r"\[(\d{1,4})\]")
SENTENCE = re.compile(r".*?[.!?](?:\s*\[\d{1,4}\])*(?:\s+|$)|.+", re.DOTALL)  # with the numbers behind it


@dataclass(frozen=True, kw_only=True)
class Chat:
    """Makes the HTML of a talk. `acts` is False where it is only read."""

    pictures: Pictures
    words: Words
    acts: bool = True

    def html(self, talk: Talk) -> str:
        """The whole talk, or what to do first where there is none yet."""
        rows = "".join(self._exchange(each, is_last=each is talk.exchanges[-1]) for each in talk.exchanges)
        if not rows:
            return self._welcome() if self.acts else ""
        more = button("earlier", "", self.words.earlier.format(count=talk.earlier)) if talk.earlier else ""
        busy = str(talk.exchanges[-1].answer.state == "running").lower()
        name = f'aria-label="{escape(self.words.conversation)}" data-at="{talk.conversation or ""}"'
        return f'<div class="talk" role="log" tabindex="0" aria-busy="{busy}" {name}>{more}{rows}</div>'

    def _welcome(self) -> str:
        words = self.words
        lines = "".join(f"<li>{escape(line)}</li>" for line in words.welcome)
        offers = "".join(button("example", n, text, look="offer") for n, text in enumerate(words.examples))
        return (
            f'<div class="talk fresh" data-at=""><h2>{escape(words.welcome_title)}</h2><ol>{lines}</ol>'
            f'<p class="hint">{escape(words.welcome_try)}</p><div class="offers">{offers}</div></div>'
        )

    def _exchange(self, each: Exchange, *, is_last: bool) -> str:
        answer, words = each.answer, self.words
        said = self._claims(answer) or escape(words.looking if answer.state == "running" else words.silent)
        ending = {"stopped": words.cut_stopped, "failed": words.cut_failed}.get(answer.state, "")
        cut = f' <em class="cut">{escape(ending)}</em>' if ending else ""
        pictures = "".join(self._upload(upload) for upload in each.uploads)
        return (
            f'<article class="exchange" data-turn="{answer.turn}"><div class="asked">{pictures}'
            f'<p class="question" dir="auto">{escape(each.question)}</p>{self._under_question(each)}</div>'
            f'<div class="answered {answer.state}"><p class="say" dir="auto">{said}{cut}</p>'
            f"{self._under_answer(each, is_last)}"
            "</div></article>"
        )

    def _claims(self, answer: Answer) -> str:
        """The answer's sentences; one that cites is a claim, which lights its boxes."""
        by_number = {citation.number: citation for citation in answer.citations}
        return "".join(self._claim(sentence, answer.turn, by_number) for sentence in sentences(answer.text))

    def _claim(self, sentence: str, turn: int, by_number: dict[int, Citation]) -> str:
        numbers = [int(n) for n in CITED.findall(sentence) if int(n) in by_number]
        parts = CITED.split(sentence)  # text, number, text, number, ..., text
        html = "".join(
            self._cite(turn, by_number[int(part)]) if n % 2 and int(part) in by_number
            else escape(f"[{part}]" if n % 2 else part)
            for n, part in enumerate(parts)
        )  # fmt: skip
        if not numbers:
            return html
        return f'<span class="claim" data-numbers="{" ".join(map(str, numbers))}">{html}</span>'

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

    def _under_question(self, each: Exchange) -> str:
        if not self.acts or not each.answer.turn or each.answer.state == "running":
            return ""
        return f'<div class="acts">{self._copy(each.question)}{self._act("edit", each)}</div>'

    def _under_answer(self, each: Exchange, is_last: bool) -> str:
        answer = each.answer
        if answer.state == "running":
            return ""
        foot = f'<p class="foot">{escape(" - ".join(about(answer, self.words)))}</p>'
        if not self.acts or not answer.turn:
            return foot
        votes = self._vote(each, "up", self.words.good) + self._vote(each, "down", self.words.bad)
        acts = "".join(self._act(name, each) for name in ("retry", "branch", "evidence"))
        return f'{foot}<div class="acts">{self._copy(answer.text)}{acts}{votes}</div>'

    def _act(self, act: str, each: Exchange) -> str:
        text = {
            "edit": self.words.edit,
            "retry": self.words.ask_again,
            "branch": self.words.branch,
            "evidence": self.words.show_evidence,
        }[act]
        return button(act, each.answer.turn, text, label=f"{text}: {each.question[:80]}")

    def _vote(self, each: Exchange, rating: str, text: str) -> str:
        return button(rating, each.answer.turn, text, look=f"small {rating}", pressed=each.rating == rating)

    def _copy(self, text: str) -> str:
        words = self.words
        return (
            f'<button type="button" class="small copy" data-copy="{escape(text)}" data-done="{escape(words.copied)}" '
            f'aria-label="{escape(f"{words.copy}: {text[:80]}")}">{escape(words.copy)}</button>'
        )


def sentences(text: str) -> list[str]:
    """The text in sentences, each with the numbers and the space that follow it; together they are the text."""
    return SENTENCE.findall(text)


def about(answer: Answer, words: Words) -> Sequence[str]:
    """How long it took, who phrased it, how sure it is."""
    line = [getattr(words, answer.state).format(seconds=answer.seconds)]
    if answer.model:
        line.append(words.phrased.format(model=answer.model))
    if answer.confidence is not None:
        line.append(words.sure.format(percent=100 * answer.confidence))
    return line
