"""The list of conversations, and the heading of the open one, as HTML. Titles are the users' words: escaped here."""

from datetime import datetime, timedelta
from html import escape
from itertools import groupby

from deepseek_mm import Conversation
from ui.html import button, hint, notice
from ui.remembering import KINDS, ConversationList, HistoryState
from ui.words import Words, count_noun

NAMES = {"markdown": "Markdown", "html": "HTML", "json": "JSON"}  # of kinds of files: the same in every language
PIN = "M5 1h6l-1 1v4l3 3v1H9v5l-1 1-1-1v-5H3V9l3-3V2z"
BRANCH = "M4 3a1.5 1.5 0 1 1 1 0v4c1-1 5-.5 5.5-3a1.5 1.5 0 1 1 1 0C11 8 6 7 5 9.5V11a1.5 1.5 0 1 1-1 0z"


def rows(listing: ConversationList, chosen: int, words: Words, now: datetime) -> str:
    """The list under its dates, `chosen` marked; or what to do where there is nothing to list."""
    if not listing.rows:
        return _nothing(listing, words)
    focus = chosen if any(each.id == chosen for each in listing.rows) else listing.rows[0].id
    parts = [f'<nav class="past" aria-label="{escape(words.past_list)}">']
    for name, group in groupby(listing.rows, key=lambda each: group_of(each, now, words)):
        items = "".join(_row(each, chosen, focus, now, words) for each in group)
        parts.append(f"<section><h2>{escape(name)}</h2><ul>{items}</ul></section>")
    more = button("more", "", words.past_older) if listing.total > len(listing.rows) else ""
    return "".join((*parts, more, "</nav>"))


def above(listing: ConversationList, past: HistoryState, words: Words) -> str:
    """What stands above the list: how many there are, what has just happened, and the way back from a deletion."""
    parts = []
    if listing.total:
        parts.append(hint(count_noun(words.past_found if listing.text else words.past_total, listing.total)))
    if past.said:
        parts.append(hint(past.said))
    if past.gone is not None:
        said = words.past_deleted.format(title=title_of(past.gone.about, words))
        parts.append(f'<div class="undo">{hint(said)}{button("undo", "", words.undo)}</div>')
    return "".join((*parts, notice(past.notice or listing.notice)))


def heading(past: HistoryState, words: Words) -> str:
    """Title of the open conversation and what can be done with it; one quiet line where none is open."""
    about = past.about
    if about is None:
        return hint(words.history_idle)
    return (
        f'<header class="past-head"><button type="button" class="small back" data-act="back" data-what="">'
        f"&larr; {escape(words.past_back)}</button>{_title(past, about, words)}"
        f'<p class="hint">{_facts(about, words, f"{about.last_at.astimezone():%Y-%m-%d %H:%M}")}</p>'
        f"{_acts(past, about, words)}</header>"
    )


def group_of(each: Conversation, now: datetime, words: Words) -> str:
    """Under which heading of the list it stands; `now` and the answer are in this machine's time."""
    if each.pinned:
        return words.past_pinned
    today, day = now.date(), each.last_at.astimezone().date()
    if day >= today:
        return words.past_today
    if day == today - timedelta(days=1):
        return words.past_yesterday
    if day >= today - timedelta(days=today.weekday()):
        return words.past_this_week
    return words.past_in_month.format(month=words.past_months[day.month - 1], year=day.year)


def title_of(about: Conversation, words: Words) -> str:
    """Its title, or that it has none."""
    return about.title or words.past_untitled


def _row(each: Conversation, chosen: int, focus: int, now: datetime, words: Words) -> str:
    at = each.last_at.astimezone()
    near = at.date() == now.date() or (not each.pinned and at.date() == now.date() - timedelta(days=1))
    current = ' aria-current="true"' if each.id == chosen else ""
    return (
        f'<li><button type="button" class="row" data-act="open" data-what="{each.id}"{current} '
        f'tabindex="{0 if each.id == focus else -1}"><span class="title">{escape(title_of(each, words))}</span> '
        f'<span class="foot">{_facts(each, words, f"{at:%H:%M}" if near else f"{at:%Y-%m-%d}")}</span></button></li>'
    )


def _facts(each: Conversation, words: Words, when: str) -> str:
    """When, how many questions, pinned or not, a branch or not."""
    pin = _sign(PIN, words.past_pinned) if each.pinned else ""
    branch = _sign(BRANCH, words.past_branch) if each.parent else ""
    time = f'<time datetime="{each.last_at.isoformat()}">{when}</time>'
    return f"{time} - {escape(count_noun(words.past_questions, each.num_turns))} {pin}{branch}"


def _sign(path: str, name: str) -> str:
    return (
        f'<svg class="sign" viewBox="0 0 16 16" role="img" aria-label="{escape(name)}"><title>{escape(name)}</title>'
        f'<path d="{path}"/></svg>'
    )


def _title(past: HistoryState, about: Conversation, words: Words) -> str:
    if not past.renaming:
        return f"<h2>{escape(title_of(about, words))}</h2>"
    return (
        f'<div class="naming"><input type="text" maxlength="200" value="{escape(about.title)}" '
        f'aria-label="{escape(words.past_name)}"><button type="button" class="small" data-save>{escape(words.save)}'
        f"</button>{button('unname', '', words.cancel)}</div>"
    )


def _acts(past: HistoryState, about: Conversation, words: Words) -> str:
    resume = words.code_resume if past.talk.about == "code" else words.past_resume
    files = "".join(button(kind, "", NAMES[kind], label=f"{words.past_export} {NAMES[kind]}") for kind in KINDS)
    return (
        f'<div class="acts">{button("resume", about.id, resume, look="small go")}'
        f"{button('rename', '', words.past_rename)}"
        f"{button('pin', '', words.past_unpin if about.pinned else words.past_pin)}"
        f"{button('delete', '', words.delete)}"
        f'<span class="files" role="group" aria-label="{escape(words.past_export)}"><span aria-hidden="true">'
        f"{escape(words.past_export)}</span>{files}</span></div>"
    )


def _nothing(listing: ConversationList, words: Words) -> str:
    if listing.notice:
        return ""
    if listing.text:
        return f'<div class="nothing">{hint(words.past_not_found)}{button("all", "", words.past_all)}</div>'
    return (
        f'<div class="nothing">{hint(words.history_none)}{button("ask", "", words.history_ask, look="small go")}</div>'
    )
