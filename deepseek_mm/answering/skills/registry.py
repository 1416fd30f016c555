"""Which skill answers which kind of act; several questions are looked up together.

A skill takes cases and gives a Draft for each: claims with citations, how sure it is, what it could not do. Where a
question over the library may be answered by photos or by what is written, the other one is asked when the first has
nothing to say.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Protocol

from deepseek_mm.answering.claims import nothing
from deepseek_mm.answering.code.skill import SURELY_CODE, CodeSkill
from deepseek_mm.answering.confidence import read_confidence, with_confidence
from deepseek_mm.answering.documents.whole_documents import WholeDocuments
from deepseek_mm.answering.photo_focus import stays_with
from deepseek_mm.answering.photo_pipeline import PhotoPipeline, open_image
from deepseek_mm.answering.scene_programs import is_drawn
from deepseek_mm.answering.skills.document import HOLDS
from deepseek_mm.answering.skills.library import LibrarySkill
from deepseek_mm.answering.skills.look import PhotoSkill
from deepseek_mm.answering.skills.named_faces import put_in_english
from deepseek_mm.answering.skills.talk import UNCLEAR, TalkSkills
from deepseek_mm.answering.talk_case import ProductFacts, TalkCase
from deepseek_mm.answering.translation import ActTranslator, WordComparer, tell_foreign
from deepseek_mm.embeddings.default import PackagedSpace
from deepseek_mm.embeddings.dictionary import dictionary_files
from deepseek_mm.embeddings.space import Encode
from deepseek_mm.language.categories import categories
from deepseek_mm.language.own_sentences import translate_own
from deepseek_mm.language.photo_questions import ABOUT_PHOTOS, photo_question
from deepseek_mm.language.wording import choose_locale
from deepseek_mm.language.words import IS_A, content, quote_title
from deepseek_mm.retrieval.evidence import (
    MAX_NAME,
    PhotoEvidence,
    QuestionContext,
    act_of,
    number_by_mention,
    shots_of,
    with_draft,
)
from deepseek_mm.retrieval.named_people import NamedPeople, find_named_people
from deepseek_mm.retrieval.photo_finder import PhotoFinder
from deepseek_mm.retrieval.subject import ASKING, POINTS_AT
from deepseek_mm.stage_clock import in_stage, note_picture
from deepseek_mm.types import Act, ActKind, Claim, Draft, Question
from deepseek_mm.vision.ocr import TextReader
from deepseek_mm.vision.pipeline import AnalysisCache, VisionPipeline
from deepseek_mm.vision.vocabulary import keep_vectors, read_vectors, words_folder
from index import Source

TALKED: tuple[ActKind, ...] = ("chat", "help", "manage", "summarise", "unsupported")
DOUBTFULLY = 0.8  # probability that a request was understood, below which talk may have been meant
MEANT = 0.75  # of an intent, from which it is taken to be meant
OF_A_THING = ("colour", "material", "shape")  # attributes that a thing has rather than a photo
THIS_PHOTO = re.compile(r"\bthis (?:photo|picture)\b", re.IGNORECASE)
THIS_PROGRAM = re.compile(
    r"\b(?:this|the|my|our) (?:program|app|application|project|software|script|tool|package|repo(?:sitory)?|code)\b"
    r"|[这该]个?(?:程序|项目|软件|应用|代码|仓库)|\bd(?:ieses?|as) (?:programm|projekt)\b",
    re.IGNORECASE,
)
DOING = re.compile(r"\w+ing an? ")  # "riding a horse": names what somebody does, not a thing
IN_A_PICTURE = re.compile(r"\b(?:screenshots?|photos?|pictures?|images?|pics?)\b|\.(?:png|jpe?g)\b", re.IGNORECASE)
HARDLY = 0.5  # probability that a request was understood, below which a wish that nobody can fulfil may be a search
READ_SURELY = 0.7  # probability of an answer of documents, from which it is told though something else was understood
READ_AGAIN = 0.5  # the same where documents were quoted last: "what if it rains that day?"
REFUSED = 0.6  # probability that a refusal is right, where nobody knows better


SEEKING: tuple[ActKind, ...] = (*ABOUT_PHOTOS, "document", "sum")  # kinds that need files in the library


class Skill(Protocol):
    """Answers acts of some kinds."""

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[Draft]:
        """One for each case, in order."""


class PhotosSkill:
    """What photos show: those at hand are looked at, those of the library are found first."""

    def __init__(
        self,
        photos: PhotoPipeline,
        finder: PhotoFinder,
        analyses: AnalysisCache,
        reader: TextReader,
        encode: Encode | None = None,
    ) -> None:
        """`encode` compares words of all languages; without it English alone is understood."""
        self.photos, self.analyses = photos, analyses
        self.translator = open_translator(photos.eyes, encode) if encode else None
        self.library = LibrarySkill(finder, self.look, photos.config)
        self.people = finder.store.people
        faces = self.library.faces
        self.one = PhotoSkill(photos.decider, photos.finger, photos.config, reader=reader, faces=faces)

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[Draft]:
        """One for each; several pictures, and what patterns read, go through the pipeline together."""
        cases = [self._translate(case) for case in cases]
        sought = {n for n, case in enumerate(cases) if is_sought(case)}
        alone = {n for n, case in enumerate(cases) if is_alone(case)}
        others = [case for n, case in enumerate(cases) if n not in sought | alone]
        looked = iter(self.photos.look_up_many(others) if others else ())
        answers = {n: self._find(cases[n]) for n in sought} | {n: self._look_at(cases[n]) for n in alone}
        return [answers[n] if n in answers else draft_of(next(looked)) for n in range(len(cases))]

    def _translate(self, case: QuestionContext) -> QuestionContext:
        """With an English act for those who look, where it was said in another language."""
        language = case.request.language if case.request else "en"
        act, known = act_of(case), self.people.names()
        if asked := put_in_english(act.text, act.filters.file, known):
            return with_act(case, replace(act, kind="look", text=asked, subject="", other="", attribute=""))
        if self.translator is None or language == "en" or is_by_rules(case):
            return case
        named = find_named_people(act.text, known)
        act = self.translator.translate(without_people(act, named), language)
        if named:
            act = replace(act, text=" ".join((act.text, *named.phrases)))
        return with_act(case, act)

    def look(self, act: Act, source: Source) -> Draft:
        """At one photo of the library, which the sentences name."""
        program = replace(photo_question(act), library=False)
        picture = self.analyses.get(source)
        case = QuestionContext(
            question=Question(text=act.text), program=program, act=act, source=source, analyses=(picture,)
        )
        draft = self._look_at(case)
        name = quote_title(source.name, MAX_NAME)
        return replace(draft, claims=tuple(with_name(claim, name) for claim in draft.claims))

    def _look_at(self, case: QuestionContext) -> Draft:
        (picture,), config = case.analyses, self.photos.config
        (evidence,) = self.photos.retriever.retrieve_many([case], k=config.rag.num_regions)
        if not evidence or is_drawn(evidence[0].siblings) or open_image(picture) is None:
            return draft_of(self.photos.look_up_many([case])[0])
        shot = shots_of(evidence, config.see.min_tag)[0]
        if shot.regions[0].at_ms != picture.at_ms:  # of a video the evidence says at which moment
            picture = self.analyses.get(shot.source, shot.regions[0].at_ms)
        with in_stage("looked"):
            note_picture(shot.source.name)
            return self.one.answer(with_shown(act_of(case), shot), picture, evidence)

    def _find(self, case: QuestionContext) -> Draft:
        photos = [source.id for source in case.among if source.kind == "photo"]
        act = act_of(case)
        return self.library.answer(act, among=photos if stays_with(self.library.finder, act, photos) else ())


def with_act(case: QuestionContext, act: Act) -> QuestionContext:
    """The same question with another act, about the same pictures."""
    kept = {"library": case.program.library, "given": case.program.given, "places": case.program.places}
    return replace(case, act=act, program=replace(photo_question(act), **kept))  # type: ignore[arg-type]


def without_people(act: Act, named: NamedPeople | None) -> Act:
    """The act without the people that its words name: names are the same in every language."""
    if named is None:
        return act
    known = (*named.names, *named.absent)
    subject, other = (find_named_people(words, known) for words in (act.subject, act.other))
    return replace(
        act,
        text=named.rest,
        subject=subject.rest if subject else act.subject,
        other=other.rest if other else act.other,
    )


def open_translator(eyes: VisionPipeline, encode: Encode) -> ActTranslator | None:
    """Foreign words to names; None where the space reads no other language."""
    space = eyes.space
    if not isinstance(space, PackagedSpace) or not space.languages.is_installed:
        return None
    names, folder = list_names(eyes.vocabulary.names), words_folder()
    glosser = space.glosser if dictionary_files() else None
    return ActTranslator(names, cache(partial(open_comparer, space, names, encode, folder)), glosser)


def open_comparer(space: PackagedSpace, names: Sequence[str], encode: Encode, folder: Path) -> WordComparer:
    """With vectors of the names out of the folder, which are made where they are not there yet (some seconds)."""
    in_space_LD = read_vectors(space, names, folder)
    as_sentences_LW = keep_vectors(encode, names, folder, known=("sentences",))
    return WordComparer(in_space_LD, as_sentences_LW, embed=space.languages.embed, encode=encode)


def list_names(vocabulary: Sequence[str]) -> tuple[str, ...]:
    """What foreign words may mean: the vocabulary, members of kinds and of categories; each once."""
    kinds = (member for members in IS_A.values() for member in sorted(members))
    told = (member for category in categories() for member in category.members)
    return tuple(name for name in dict.fromkeys([*vocabulary, *IS_A, *kinds, *told]) if not DOING.match(name))


def with_shown(act: Act, shot: PhotoEvidence) -> Act:
    """ "What colour is it?" of a photo is about what it shows: its surest name."""
    about_it = bool(act.reference) and not act.subject and act.attribute in OF_A_THING
    named = [label.name for label, _ in shot.labels()[:1]]
    return replace(act, subject=f"the {named[0]}") if about_it and named else act


def with_name(claim: Claim, name: str) -> Claim:
    """The sentence with the photo's name instead of "this photo"."""
    text = THIS_PHOTO.sub(lambda found: name, claim.text)
    return replace(claim, text=text if name in text else f"{name}: {text}", shape="", draft="")


def is_alone(case: QuestionContext) -> bool:
    """Whether it is about one photo at hand that was understood by the model."""
    photo = case.source is not None and case.source.kind == "photo" and len(case.analyses) == 1
    return photo and not case.program.library and not is_by_rules(case)


def is_sought(case: QuestionContext) -> bool:
    """Whether photos of the library have to be found; a picture that came along to search with is looked at."""
    return case.program.library and case.example is None and not is_by_rules(case)


def draft_of(case: QuestionContext) -> Draft:
    """What the photos' pipeline found out."""
    chance = min((claim.certainty for claim in case.claims), default=REFUSED)
    return Draft(
        claims=case.claims,
        evidence=case.evidence,
        text="" if case.claims else nothing(case.program),
        chance=chance,
        grounds="seen" if case.claims else "none",
        refused=not case.claims,
        verdict=case.verdict,
        worked=case.worked,
    )


class TalkSkill:
    """What needs no photo: chat, help, changes, summaries, and what nobody here can do."""

    def __init__(self, talk: TalkSkills, gather: Callable[[], ProductFacts]) -> None:
        """`gather` tells what is true of this installation now."""
        self.talk, self.gather = talk, gather

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[Draft]:
        """From the conversation, the help and the facts."""
        facts = self.gather()
        return [self.talk.answer(talk_case(case, facts)) for case in cases]

    def answer_instead(self, case: QuestionContext, draft: Draft) -> Draft | None:
        """What was meant as talk though it was understood otherwise; None where the draft may stand.

        Where nothing was found of what was hardly understood an example must be near, elsewhere very near.
        """
        act = act_of(case)
        at_hand = case.source or case.pictures or case.among or act.scope in ("picture", "pictures")
        pointed = (at_hand or act.reference) and act.chance >= UNCLEAR
        if act.kind in TALKED or pointed or act.chance >= DOUBTFULLY:
            return None
        if draft.grounds == "measured" or names_a_thing(act):
            return None
        lost = draft.refused and not at_hand
        intent = self.talk.recognise(act.text, hardly=lost or act.chance < UNCLEAR)
        if intent is None and lost:
            intent = self.talk.intents.find(act.text)
            intent = None if intent and intent.kind == "manage" else intent  # a change is never guessed
        if intent is None or intent.chance < MEANT:
            return None
        return self.talk.answer_as(intent, talk_case(case, self.gather()))


def talk_case(case: QuestionContext, facts: ProductFacts) -> TalkCase:
    """The case as these skills take it."""
    at_hand = case.pictures or ((case.source,) if case.source else ()) or case.among
    return TalkCase(
        act=act_of(case),
        locale=case.request.language if case.request else "en",
        conversation=case.turns,
        conversation_id=case.conversation,
        at_hand=tuple(at_hand),
        facts=facts,
    )


class SkillRegistry:
    """One skill for each kind of act."""

    def __init__(
        self,
        skills: Mapping[ActKind, Skill],
        *,
        empty: Callable[[], str],
        encode: Encode | None = None,
        whole: WholeDocuments | None = None,
    ) -> None:
        """`empty` says what there is to say of a library without files; an empty string of any other. `encode`
        compares what is said with what was asked. `whole` answers what is asked of whole documents, before others.
        """
        self.skills, self.empty, self.encode, self.whole = dict(skills), empty, encode, whole

    @property
    def translator(self) -> ActTranslator | None:
        """What finds English names for foreign words; None where nothing here reads other languages."""
        photos = self.skills.get("look")
        return photos.translator if isinstance(photos, PhotosSkill) else None

    def answer_many(self, cases: Sequence[QuestionContext]) -> list[QuestionContext]:
        """Each case with what its skill has to say; cases of one skill are answered together."""
        if self.whole:
            cases = [case if is_by_rules(case) else self.whole.as_summary(case) for case in cases]
        whole = {n: draft for n, case in enumerate(cases) if (draft := self._answer_whole(case))}
        others = iter(self._answer_by_kind([case for n, case in enumerate(cases) if n not in whole]))
        return [
            self._finish(with_kind(case, "document"), whole[n]) if n in whole else next(others)
            for n, case in enumerate(cases)
        ]

    def _answer_whole(self, case: QuestionContext) -> Draft | None:
        return self.whole.answer(case) if self.whole and not is_by_rules(case) else None

    def _answer_by_kind(self, cases: Sequence[QuestionContext]) -> list[QuestionContext]:
        code = self.skills.get("code")
        sure = [code.recognise(case) if isinstance(code, CodeSkill) else 0.0 for case in cases]
        kinds = ["code" if sure[n] == SURELY_CODE else first_kind(case) for n, case in enumerate(cases)]
        asked = [case if kind == "document" else with_kind(case, kind) for case, kind in zip(cases, kinds, strict=True)]
        drafts = self._ask(kinds, asked)
        doubtful = [n for n, case in enumerate(cases) if drafts[n].refused or act_of(case).chance < DOUBTFULLY]
        second = {n: other for n in doubtful if (other := "code" if sure[n] else other_kind(cases[n]))}
        last = list(cases)
        if second:
            others = {n: with_kind(cases[n], kind) for n, kind in second.items()}
            again = dict(zip(second, self._ask(list(second.values()), list(others.values())).values(), strict=True))
            better = {n: draft for n, draft in again.items() if is_better(draft, drafts[n], cases[n])}
            drafts |= better
            last = [others[n] if n in better and seeks_documents(case) else case for n, case in enumerate(cases)]
        return [self._finish(case, self._talk_instead(case, drafts[n])) for n, case in enumerate(last)]

    def _talk_instead(self, case: QuestionContext, draft: Draft) -> Draft:
        talk = self.skills.get("help")
        instead = talk.answer_instead(case, draft) if isinstance(talk, TalkSkill) and not is_by_rules(case) else None
        return instead or draft

    def _ask(self, kinds: Sequence[ActKind], cases: Sequence[QuestionContext]) -> dict[int, Draft]:
        by_skill: dict[int, list[int]] = {}
        for n, kind in enumerate(kinds):
            by_skill.setdefault(id(self.skills[kind]), []).append(n)
        drafts: dict[int, Draft] = {}
        for rows in by_skill.values():
            drafts |= zip(rows, self.skills[kinds[rows[0]]].answer_many([cases[n] for n in rows]), strict=True)
        return dict(sorted(drafts.items()))

    def _finish(self, case: QuestionContext, draft: Draft) -> QuestionContext:
        """With its confidence; of a library that holds nothing that is said instead of what was not found."""
        draft = draft if is_by_rules(case) else number_by_mention(draft)
        done = with_draft(case, draft)
        if not is_by_rules(case):
            done = with_confidence(done, draft, read_confidence(), self.encode)
        seeks = case.program.library and act_of(case).kind in SEEKING
        empty = self.empty() if draft.refused and seeks and not draft.claims else ""
        return in_own_language(replace(done, said=empty) if empty else done)


def in_own_language(case: QuestionContext) -> QuestionContext:
    """What was found out, in the language of whoever asked, as far as the program speaks it."""
    language = case.request.language if case.request else "en"
    if choose_locale(language) == "en":
        return tell_foreign(case, language)
    claims = tuple(translate_claim(claim, language, act_of(case).subject) for claim in case.claims)
    return replace(case, claims=claims, said=translate_own(case.said, language, act_of(case).subject))


def translate_claim(claim: Claim, language: str, subject: str) -> Claim:
    """In the program's own words: the small model phrases English alone."""
    text, wide = translate_own(claim.text, language, subject), choose_locale(language) == "zh"
    return replace(claim, text=text, wide=wide, shape="", draft="")


def is_better(draft: Draft, first: Draft, case: QuestionContext) -> bool:
    """Does the other skill know more: an answer where the first has none, a photo a surer one than a document, or a
    document a sure one where photos were guessed at? What nobody can do is only undone by a sure answer.
    """
    act = act_of(case)
    if act.kind == "unsupported" and act.chance >= HARDLY:
        needed = READ_AGAIN if is_about_documents(case) else READ_SURELY
        return not draft.refused and draft.grounds == "read" and draft.chance >= needed
    surer = act.kind in ("document", "sum") and draft.chance > first.chance
    read = draft.grounds == "read" and draft.chance >= READ_SURELY > HARDLY > first.chance
    return not draft.refused and (first.refused or surer or read)


def is_by_rules(case: QuestionContext) -> bool:
    """Whether patterns alone read the turn."""
    return case.request is not None and case.request.by == "rules"


def names_a_thing(act: Act) -> bool:
    """Is the subject of a question over the library something that photos show?"""
    return act.scope == "library" and any(word not in ASKING for word in content(act.subject))


def with_kind(case: QuestionContext, kind: ActKind) -> QuestionContext:
    """The case for a skill of another kind; what is looked for again may be anything in the library."""
    act = act_of(case)
    widened = kind == "find" and seeks_documents(case)
    return replace(case, act=replace(act, kind=kind, scope="library" if widened else act.scope))


def seeks_documents(case: QuestionContext) -> bool:
    """Whether documents are to be found."""
    act = act_of(case)
    return act.kind == "find" and act.scope == "documents"


def asks_of_code(case: QuestionContext) -> bool:
    """Whether "this program", where code is asked about, is the one that is read and not the one that reads it."""
    at_code = case.question.about == "code" and not is_by_rules(case)
    return at_code and act_of(case).kind in ("help", "chat") and THIS_PROGRAM.search(act_of(case).text) is not None


def first_kind(case: QuestionContext) -> ActKind:
    """Whose kind of act it is: documents that are looked for are found by what they say."""
    act = act_of(case)
    if asks_of_code(case) or (case.question.about == "code" and act.kind not in TALKED):
        return "code"
    if seeks_documents(case):
        return "document"
    doubtful = act.chance < DOUBTFULLY and case.program.library and not is_by_rules(case)
    hardly = doubtful and act.chance < HARDLY
    if hardly and act.kind in TALKED and is_about_documents(case):
        return "document"
    if hardly and not act.subject and case.request and case.request.acts[0].kind == "document":
        return "document"  # the rest of a question of several parts: "does she speak Japanese, how well"
    at_hand = case.source is not None and act.chance < HARDLY and not is_by_rules(case)
    if at_hand and act.kind == "unsupported" and act.scope == "picture":
        return "look"
    if doubtful and act.kind == "code" and IN_A_PICTURE.search(act.text):
        return "read"
    return "look" if doubtful and act.kind in TALKED and POINTS_AT.search(act.text) else act.kind


def is_about_documents(case: QuestionContext) -> bool:
    """Whether documents are meant, or were quoted last."""
    cited = case.turns[-1].answer.citations if case.turns else ()
    quoted = bool(cited) and all(citation.region.source.kind == "document" for citation in cited)
    return act_of(case).scope == "documents" or quoted


def other_kind(case: QuestionContext) -> ActKind | None:
    """Who else may know, where the first has nothing to say."""
    act = act_of(case)
    if not case.program.library or case.among or is_by_rules(case):
        return None
    if act.kind in ("look", "read", "locate", "describe"):
        return "document"
    if seeks_documents(case) and act.chance < DOUBTFULLY:
        return "find"
    shown = case.pictures or any(turn.image_path for turn in case.turns)
    if act.kind == "unsupported" and not shown and is_about_documents(case):
        return "document"
    if act.kind == "unsupported" and act.chance < DOUBTFULLY and not shown:
        return "document" if act.attribute in HOLDS or act.chance >= HARDLY else "find"
    return {"document": "read", "sum": "look"}.get(act.kind)  # type: ignore[return-value]


def talk_skills(talk: Skill) -> dict[ActKind, Skill]:
    """The kinds that need no photo."""
    return dict.fromkeys(TALKED, talk)


def photo_skills(photos: Skill) -> dict[ActKind, Skill]:
    """The kinds that photos answer."""
    return dict.fromkeys(ABOUT_PHOTOS, photos)
