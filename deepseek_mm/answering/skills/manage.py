"""What would change the library or the history: says what exactly would happen, and offers a button.

Nothing is changed by words alone. The files that are meant are those that the words name, those of the last answer, or
what a search for the subject finds. Where it is not clear which, it asks.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deepseek_mm.answering.intents import Intent
from deepseek_mm.answering.skills.help import open_tab
from deepseek_mm.answering.talk_case import TalkCase, find_named, sources_of, state
from deepseek_mm.answering.topics import LAST, place_in
from deepseek_mm.language.own_sentences import name_in_english
from deepseek_mm.language.wording import count_noun_in, join_in, say
from deepseek_mm.language.words import clean, quote_title
from deepseek_mm.types import Claim, Draft, Evidence, Found, Offer
from index import Filter, Region, Source
from index.region import EVERYTHING, UPLOADS
from index.store import RegionStore

Find = Callable[[str, Filter], Found]  # a search of the library for these words
MAX_FILES = 6  # that one sentence names
MAX_NAME = 60  # characters of a file's name
MAX_TARGETS = 200  # files of one button
SEVERAL = re.compile(  # words that point at all of several files
    r"\b(?:these|those|them|all|both|they|photos|pictures|images|files|alle|diese|beide)\b|这些|那些|它们|全部|所有|都"
)
FILE_NAME = re.compile(r"[\w()+~@#&-][\w()+~@#&.-]*\.[A-Za-z]\w{1,7}\b")
CHOSEN, SEARCHED, ASKED = 0.9, 0.6, 0.7  # chance that the files are those meant: named, found; that asking is right
CERTAIN = 0.95  # that what the product cannot do is said rightly
WHERE = {  # what is done elsewhere on the page -> the tab
    **{"rename_collection": "library", "rename_conversation": "history", "empty": "settings", "undo": "library"},
    **{"add": "library", "save": "library", "set": "settings", "not_tag": "ask"},
}
CANNOT = frozenset(["rename_file", "edit", "tag"])


@dataclass(frozen=True, kw_only=True, slots=True)
class FileChoice:
    """The files that are meant, or a draft that asks which."""

    sources: tuple[Source, ...] = ()
    chance: float = CHOSEN
    instead: Draft | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Manager:
    """Answers what would change something."""

    store: RegionStore
    find: Find

    def answer(self, intent: Intent | None, case: TalkCase) -> Draft:
        """What would happen and a button for it, where it is done, or that it cannot be done here."""
        name = intent.name if intent else "other"
        changes = {"delete": self._delete, "move": self._move, "take_from_collection": self._leave}
        if name in changes:
            chosen = self._choose(case)
            return chosen.instead or changes[name](chosen, case)
        if name == "forget":
            return forget(case)
        return refer(f"not_{name}" if name in CANNOT else name, case)

    def _delete(self, chosen: FileChoice, case: TalkCase) -> Draft:
        what, locale = self._name(chosen, case), case.locale
        text = say("manage.would_delete", locale, what=what, minutes=case.facts.undo_minutes)
        offer = Offer(
            action="delete", text=say("button.delete", locale, what=self._short(chosen, case)), targets=paths_of(chosen)
        )
        return self._propose(text, offer, chosen, case)

    def _move(self, chosen: FileChoice, case: TalkCase) -> Draft:
        locale, collection = case.locale, clean(case.act.filters.collection.strip(), MAX_NAME)
        known = {name.lower(): name for name in case.facts.collections}
        collection = known.get(collection.lower(), collection)
        if not collection:
            return ask_collection(case)
        key = "would_move" if collection in case.facts.collections else "would_move_new"
        text = say(f"manage.{key}", locale, what=self._name(chosen, case), collection=collection)
        button = say("button.move", locale, what=self._short(chosen, case), collection=collection)
        offer = Offer(action="move", text=button, targets=paths_of(chosen), value=collection)
        return self._propose(text, offer, chosen, case)

    def _leave(self, chosen: FileChoice, case: TalkCase) -> Draft:
        collection = case.act.filters.collection.strip() or chosen.sources[0].collection
        values = {"what": self._name(chosen, case), "collection": clean(collection, MAX_NAME)}
        button = say("button.leave", case.locale, **values | {"what": self._short(chosen, case)})
        offer = Offer(action="move", text=button, targets=paths_of(chosen))
        return self._propose(say("manage.would_leave", case.locale, **values), offer, chosen, case)

    def _propose(self, text: str, offer: Offer, chosen: FileChoice, case: TalkCase) -> Draft:
        evidence = self._show(chosen.sources)
        claims = (
            Claim(text, tuple(entry.number for entry in evidence), CERTAIN),
            state(say("manage.unchanged", case.locale), case.locale, CERTAIN),
        )
        return Draft(claims=claims, evidence=evidence, chance=chosen.chance, grounds="named", offers=(offer,))

    def _name(self, chosen: FileChoice, case: TalkCase) -> str:
        names = [quote_title(source.name, MAX_NAME) for source in chosen.sources]
        more = len(names) - MAX_FILES
        rest = [count_noun_in("count.file", more, case.locale)] if more > 0 else []
        return join_in([*names[:MAX_FILES], *rest], case.locale)

    def _short(self, chosen: FileChoice, case: TalkCase) -> str:
        only, *others = chosen.sources
        if others:
            return count_noun_in("count.file", len(chosen.sources), case.locale)
        return quote_title(only.name, MAX_NAME)

    def _show(self, sources: Sequence[Source]) -> tuple[Evidence, ...]:
        """The leading region of each file, as far as they are shown."""
        leading = self.store.leading([source.id for source in sources[:MAX_FILES]])
        regions = [leading.get(source.id) or blank_region(source) for source in sources[:MAX_FILES]]
        return tuple(Evidence(number=n, region=region, score=1.0) for n, region in enumerate(regions, 1))

    def _choose(self, case: TalkCase) -> FileChoice:
        """The files that are named, at hand, cited last, or found."""
        if file := named_file(case):
            return self._choose_named(file, case)
        if case.at_hand and points_back(case):
            return self._choose_at_hand(case)
        cited = sources_of(case.conversation) if points_back(case) else ()
        if known := [source for source in map(self._look_up, cited) if source]:
            return choose_among(known, case)
        return self._choose_found(case)

    def _choose_named(self, file: str, case: TalkCase) -> FileChoice:
        named = dict.fromkeys([file, *FILE_NAME.findall(case.act.text)])
        found = [source for name in named for source in find_named(self.store, name)]
        if len(named) > 1 and found:
            return FileChoice(sources=tuple(found[:MAX_TARGETS]))
        if not found:
            text = say("manage.not_there", case.locale, file=quote_title(file, MAX_NAME))
            return FileChoice(instead=Draft(text=text, chance=CERTAIN, refused=True))
        return choose_among(found, case)

    def _choose_at_hand(self, case: TalkCase) -> FileChoice:
        known = [source for source in map(self._look_up, case.at_hand) if source]
        if not known:
            offers = (forget_offer(case),) if case.conversation_id else ()
            text = say("manage.upload", case.locale)
            return FileChoice(instead=Draft(text=text, chance=CERTAIN, refused=True, offers=offers))
        return choose_among(known, case)

    def _choose_found(self, case: TalkCase) -> FileChoice:
        """What a search for the subject finds: the best alone, if one is spoken of."""
        subject = name_in_english(case.act.subject.strip(), case.locale) or case.act.subject.strip()
        found = self.find(subject, EVERYTHING) if subject and not case.act.reference else Found()
        sources = tuple({match.region.source.path: match.region.source for match in found.matches}.values())
        if not found.found or not sources:
            return FileChoice(instead=Draft(text=say("manage.which", case.locale), chance=ASKED, grounds="said"))
        if SEVERAL.search(case.act.text.lower()):
            return ask_which(sources, case)
        return FileChoice(sources=sources[:1], chance=SEARCHED * found.certainty)

    def _look_up(self, source: Source) -> Source | None:
        """The file as the library has it now; None for a picture of a question, and for what is gone."""
        found = self.store.source_at(source.path)
        return found if found is not None and found.collection != UPLOADS else None


def named_file(case: TalkCase) -> str:
    """A file that the words name."""
    if case.act.filters.file:
        return case.act.filters.file.strip("\"'")
    match = FILE_NAME.search(case.act.text)
    return match[0] if match else ""


def points_back(case: TalkCase) -> bool:
    """Whether the words point at what was shown before, or name nothing to look for."""
    return bool(case.act.reference) or case.act.scope == "found" or not case.act.subject.strip()


def choose_among(sources: Sequence[Source], case: TalkCase) -> FileChoice:
    """One by its place ("the second one"), all, or the only one; else it is asked which."""
    words = f"{case.act.reference} {case.act.text}".lower()
    number = place_in(words) or (len(sources) if LAST.search(words) else 0)
    if 0 < number <= len(sources) and len(sources) > 1:
        return FileChoice(sources=(sources[number - 1],))
    if len(sources) == 1 or SEVERAL.search(words):
        return FileChoice(sources=tuple(sources[:MAX_TARGETS]))
    return ask_which(sources, case)


def ask_which(sources: Sequence[Source], case: TalkCase) -> FileChoice:
    """A question back, with the files that may be meant."""
    names = [quote_title(source.name, MAX_NAME) for source in sources[:MAX_FILES]]
    text = say("manage.which_of", case.locale, files=join_in(names, case.locale))
    return FileChoice(instead=Draft(claims=(state(text, case.locale, CERTAIN),), chance=ASKED, grounds="said"))


def ask_collection(case: TalkCase) -> Draft:
    """Into which collection?"""
    names = join_in([quote_title(name, MAX_NAME) for name in case.facts.collections[:MAX_FILES]], case.locale)
    there = say("manage.collections_are", case.locale, names=names) if names else ""
    text = say("manage.which_collection", case.locale, collections=there or say("manage.collections_none", case.locale))
    return Draft(text=text, chance=ASKED, grounds="said")


def forget(case: TalkCase) -> Draft:
    """What deleting this conversation would do."""
    if not case.conversation_id:
        return refer("save", case)
    questions = count_noun_in("manage.question", len(case.conversation), case.locale)
    texts = (say("manage.would_forget", case.locale, questions=questions), say("manage.unchanged", case.locale))
    claims = tuple(state(text, case.locale, CERTAIN) for text in texts)
    return Draft(claims=claims, chance=CHOSEN, grounds="said", offers=(forget_offer(case),))


def forget_offer(case: TalkCase) -> Offer:
    """A button that deletes this conversation."""
    return Offer(action="forget", text=say("button.forget", case.locale), targets=(str(case.conversation_id),))


def refer(name: str, case: TalkCase) -> Draft:
    """Where it is done, with a button that leads there; or that it cannot be done here."""
    values: Mapping[str, object] = {"minutes": case.facts.undo_minutes} if name == "undo" else {}
    tab = WHERE.get(name)
    return Draft(
        text=say(f"manage.{name}", case.locale, **values),
        chance=CERTAIN if name != "other" else ASKED,
        refused=name.startswith("not_"),
        grounds="said",
        offers=(open_tab(tab, case.locale),) if tab else (open_tab("library", case.locale),),
    )


def paths_of(chosen: FileChoice) -> tuple[str, ...]:
    """The targets of a button."""
    return tuple(source.path for source in chosen.sources)


def blank_region(source: Source) -> Region:
    """A file without regions, to be pointed at."""
    return Region(source=source, kind="whole", box_px=(0, 0, source.width_px, source.height_px))
