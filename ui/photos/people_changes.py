"""What a press in the view of people changes, and what is said of it."""

from collections.abc import Sequence
from dataclasses import replace

from deepseek_mm import Caller, Services, quote_value
from ui import edges
from ui.photos.photo_views import PhotosView
from ui.words import UiTexts, count_noun

Changed = tuple[str, PhotosView]


def open_person(services: Services, caller: Caller, words: UiTexts, person: int) -> PhotosView:
    """The photos of somebody, by the number: a name can change while they are looked at."""
    found = services.people.find_person(caller, person)
    operators = f"person:{quote_value(f'#{found.id}')}"
    return PhotosView(kind="people", operators=operators, title=found.name or words.people_who, person=found.id)


def change_people(
    services: Services, caller: Caller, words: UiTexts, view: PhotosView, pressed: tuple[str, str, Sequence[int]]
) -> Changed:
    """What was said, and the view afterwards; `pressed` are the act, the typed text and the chosen photos."""
    act, text, chosen = pressed
    if act == "people_on":
        services.people.switch_on(caller)
        return words.people_began, PhotosView(kind="people")
    if act in ("people_off", "remove_person"):
        return _delete(services, caller, words, view, act)
    if act == "not_person":
        count = services.people.tell_apart(caller, view.person, chosen)
        return words.people_told_apart.format(photos=count_noun(words.photos_count, count)), PhotosView(kind="people")
    if act == "name_person":
        person = services.people.name_person(caller, view.person, text)
    else:
        person = services.people.merge_people(caller, _find_named(services, caller, words, text), view.person)
    said = words.people_is.format(name=person.name, photos=count_noun(words.photos_count, person.sources))
    return said, open_person(services, caller, words, person.id)


def _delete(services: Services, caller: Caller, words: UiTexts, view: PhotosView, act: str) -> Changed:
    """All faces, or those of one person, at the second press."""
    if not view.sure:
        said = words.people_off_sure if act == "people_off" else words.people_remove_sure
        return said, replace(view, sure=True)
    if act == "people_off":
        services.people.switch_off(caller)
        return words.people_deleted, PhotosView(kind="people")
    services.people.remove_person(caller, view.person)
    return words.people_removed, PhotosView(kind="people")


def _find_named(services: Services, caller: Caller, words: UiTexts, name: str) -> int:
    """Who is called so. NoName where nobody is."""
    wanted = " ".join(name.split()).casefold()
    for person in services.people.describe_state(caller).people:
        if wanted and person.name.casefold() == wanted:
            return person.id
    raise edges.NoName(words.people_merge_whom.format(name=name))
