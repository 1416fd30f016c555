"""How sure answers were, against how often they were right: a part of the Settings tab."""

from dataclasses import dataclass
from html import escape

import gradio as gr

from deepseek_mm import Caller, Reliability, ReliabilityGroup
from ui import edges
from ui.edges import Handlers
from ui.gateway.events import QUIET, caller_of, needs_right
from ui.html import heading, hint, notice, piece
from ui.words import UiTexts, count_noun


@dataclass(frozen=True, kw_only=True)
class ReliabilityHandlers(Handlers):
    """Looks what people thought of answers."""

    def look(self, caller: Caller) -> str:
        """Everything as it stands, as HTML."""
        try:
            return render_reliability(self.services.learning.measure_reliability(caller), self.words)
        except Exception as error:  # noqa: BLE001 - the page's edge: every error ends as a sentence
            return notice(edges.sentence(error, self.words))


@dataclass(frozen=True, kw_only=True)
class ReliabilityPart:
    """The component of the part and its event."""

    handlers: ReliabilityHandlers
    html: gr.HTML

    @classmethod
    def place(cls, handlers: ReliabilityHandlers) -> "ReliabilityPart":
        """Put the part on the page that is being built."""
        words = handlers.words
        piece(heading(words.reliability) + hint(words.reliability_hint), listens="")
        return cls(handlers=handlers, html=piece(listens="", elem_classes="reliability"))

    def join(self, tab: gr.Tab) -> None:
        """Look anew whenever the tab opens."""
        tab.select(self._show, None, self.html, **QUIET)

    @needs_right("settings")
    def _show(self, request: gr.Request) -> str:
        return self.handlers.look(caller_of(request))


def render_reliability(found: Reliability, words: UiTexts) -> str:
    """What there is to say, and the table; of few answers only the table."""
    if not found.count:
        return hint(words.reliability_none)
    told = [words.reliability_all.format(
        count=count_noun(words.reliability_answers, found.count), said=100 * found.said, right=100 * found.right
    )]  # fmt: skip
    if found.error is None:
        told.append(count_noun(words.reliability_lacks, found.num_lacking))
    else:
        low, high = found.interval
        told.append(words.reliability_error.format(error=100 * found.error, low=100 * low, high=100 * high))
    rows = "".join(_render_row(group, words) for group in found.groups)
    heads = (words.reliability_group, words.reliability_count, words.reliability_said, words.reliability_right)
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    return f"{''.join(map(hint, told))}<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _render_row(group: ReliabilityGroup, words: UiTexts) -> str:
    """A group: how sure, how many, what was said, and what came true with its interval, drawn and in numbers."""
    low, high = group.interval
    name = words.reliability_between.format(low=100 * group.low, high=100 * group.high)
    share = words.reliability_share.format(right=100 * group.right, low=100 * low, high=100 * high)
    drawn = (
        '<svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="within" x="{100 * low:.1f}" y="3" width="{100 * (high - low):.1f}" height="4"/>'
        f'<rect class="came" x="{100 * group.right - 0.8:.1f}" y="1" width="1.6" height="8"/>'
        f'<rect class="said" x="{100 * group.said - 0.5:.1f}" y="0" width="1" height="10"/></svg>'
    )
    cells = (str(group.count), f"{100 * group.said:.0f} %")
    numbers = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(name)}</th>{numbers}<td>{drawn}{escape(share)}</td></tr>'
