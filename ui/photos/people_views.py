"""People as HTML: what switching it on means, cards with faces, and the fields of one person.

A face is shown as a part of its photo's usual copy, cut by the browser: no picture of a face is made or kept.
Everything from outside is escaped.
"""

from collections.abc import Iterable, Sequence
from html import escape

from deepseek_mm import PeopleState
from index.region import Person
from ui.html import button, hint
from ui.pictures import LARGE_PX, THUMB_PX, PagePictures
from ui.words import UiTexts, count_noun

AROUND = 0.35  # of a face's sides, what is shown beside it
LEAST_SHARE = 0.2  # of the photo's longer side, from which on its small copy shows a face well


def render_people(state: PeopleState, pictures: PagePictures, words: UiTexts, *, sure: bool) -> str:
    """Cards of those with names, then of the others; or what switching it on means."""
    if not state.enabled and not state.people:
        law = hint(words.people_consent_law)
        return f'<div class="consent">{hint(words.people_consent)}{law}{button("people_on", "", words.people_on)}</div>'
    named = [person for person in state.people if person.name]
    others = [person for person in state.people if not person.name]
    parts = [
        _render_waiting(state, words),
        _render_cards(named, words.people_named, pictures, words),
        _render_cards(others, words.people_unnamed, pictures, words),
        "" if state.people or state.waiting else hint(words.people_none),
        _render_end(state, words, sure=sure),
    ]
    return "".join(parts)


def _render_waiting(state: PeopleState, words: UiTexts) -> str:
    if not state.waiting:
        return ""
    return hint(words.people_waiting.format(photos=count_noun(words.photos_count, state.waiting)))


def _render_end(state: PeopleState, words: UiTexts, *, sure: bool) -> str:
    """How to stop it, asked twice; and to go on where it was stopped by a setting alone."""
    on = "" if state.enabled else button("people_on", "", words.people_on)
    told = f'<p class="hint">{escape(words.people_off_sure)}</p>' if sure else ""  # which was announced above
    return f'<div class="people-end">{on}{button("people_off", "", words.people_off)}{told}</div>'


def _render_cards(people: Sequence[Person], title: str, pictures: PagePictures, words: UiTexts) -> str:
    if not people:
        return ""
    items = "".join(f"<li>{_render_card(person, pictures, words)}</li>" for person in people)
    return f'<h3>{escape(title)}</h3><ul class="group-cards" aria-label="{escape(title)}">{items}</ul>'


def _render_card(person: Person, pictures: PagePictures, words: UiTexts) -> str:
    count = escape(count_noun(words.photos_count, person.sources))
    return (
        f'<button type="button" class="group-card" data-act="group" data-what="{person.id}">'
        f"{render_face(person, pictures)}<b>{escape(person.name or words.people_who)}</b>"
        f'<span class="hint">{count}</span></button>'
    )


def render_face(person: Person, pictures: PagePictures) -> str:
    """The best face of somebody, cut out of its photo by the browser."""
    source = person.cover
    if source is None or not source.width_px or not source.height_px:
        return '<span class="no-cover"></span>'
    left, top, right, bottom = person.box
    wide, high = (right - left) * source.width_px, (bottom - top) * source.height_px
    side = max(wide, high) * (1 + 2 * AROUND)
    x, y = ((left + right) * source.width_px - side) / 2, ((top + bottom) * source.height_px - side) / 2
    is_large = max(wide, high) >= LEAST_SHARE * max(source.width_px, source.height_px)
    address = escape(pictures.address(source, px=THUMB_PX if is_large else LARGE_PX))
    return (
        f'<svg class="face" viewBox="{x:.0f} {y:.0f} {side:.0f} {side:.0f}" preserveAspectRatio="xMidYMid slice" '
        f'aria-hidden="true"><image href="{address}" width="{source.width_px}" height="{source.height_px}"/></svg>'
    )


def render_person_fields(name: str, names: Iterable[str], words: UiTexts, *, sure: bool) -> str:
    """Another name, who is the same person, and the deletion, which is asked twice."""
    label, merge = escape(words.people_name), escape(words.people_merge)
    listed = "".join(f'<option value="{escape(each)}"></option>' for each in names if each != name)
    told = f'<p class="hint">{escape(words.people_remove_sure)}</p>' if sure else ""
    return (
        f'<span class="typed" data-of="{escape(name)}"><input type="text" maxlength="80" value="{escape(name)}" '
        f'aria-label="{label}" placeholder="{label}">{button("name_person", "", words.people_name_give)}</span>'
        f'<span class="typed"><input type="text" maxlength="80" list="people-names" aria-label="{merge}" '
        f'placeholder="{merge}"><datalist id="people-names">{listed}</datalist>'
        f"{button('merge_person', '', words.people_merge_do)}</span>"
        f"{button('remove_person', '', words.people_remove)}{told}"
    )
