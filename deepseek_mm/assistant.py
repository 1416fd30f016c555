"""The whole story, top to bottom: a question comes in, a checked answer that points at boxes goes out."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Lock
from types import TracebackType
from typing import Self, cast

from PIL.Image import Image

from deepseek_mm.accounts.accounts import Accounts
from deepseek_mm.answering.code.coder import CodeModels, Coder
from deepseek_mm.answering.code.skill import CodeSkill
from deepseek_mm.answering.documents.whole_documents import WholeDocuments
from deepseek_mm.answering.drafts.test_writer import Prover
from deepseek_mm.answering.large_model.shown_pictures import ShownPicture
from deepseek_mm.answering.large_model.speech import Speech, tell_servers
from deepseek_mm.answering.photo_pipeline import PhotoPipeline, open_image
from deepseek_mm.answering.references import ActResolver, ConversationState, PendingTurn, ReferenceResolver
from deepseek_mm.answering.request_model import RequestModel
from deepseek_mm.answering.scene_programs import Checked, check_photos, rerun_program
from deepseek_mm.answering.skills.document import DocumentSkill
from deepseek_mm.answering.skills.registry import (
    PhotosSkill,
    Skill,
    SkillRegistry,
    TalkSkill,
    photo_skills,
    talk_skills,
)
from deepseek_mm.answering.skills.talk import open_talk_skills
from deepseek_mm.answering.talk_case import ProductFacts, gather_facts
from deepseek_mm.answering.uploads import UploadStore, path_of
from deepseek_mm.config import Config, LMConfig, Notice
from deepseek_mm.embeddings.passage_reader import PassageReader, open_passage_reader
from deepseek_mm.history import History, Turn
from deepseek_mm.language.parser import PhotoQuestion
from deepseek_mm.language.photo_questions import RequestReader, RuleUnderstander
from deepseek_mm.language.questions import failure_check, parse_query_box, validate_question
from deepseek_mm.language.words import printable
from deepseek_mm.library import Library
from deepseek_mm.lm.generator import Generator
from deepseek_mm.logic.rules import Rule
from deepseek_mm.models.downloads import HubPermission
from deepseek_mm.models.rankers import replace_ranker
from deepseek_mm.parse.workers.client import close_workers
from deepseek_mm.retrieval.act_filters import narrow_by_typed_words
from deepseek_mm.retrieval.evidence import QuestionContext, merge_answers, with_timeline
from deepseek_mm.retrieval.passages import Scorer
from deepseek_mm.retrieval.photo_finder import PhotoFinder
from deepseek_mm.retrieval.retriever import Retriever
from deepseek_mm.runtime.machine_plan import MachinePlan
from deepseek_mm.runtime.planner import LOOKS, PRESETS_BY_NAME, apply_preset
from deepseek_mm.settings_file import with_values
from deepseek_mm.stage_clock import AnswerTimeline, StageClock, in_stage
from deepseek_mm.types import Act, ActKind, Answer, Found, Query, Question, Request, State, Verdict, Worked
from deepseek_mm.vision.pipeline import AnalysisCache, ImageAnalysis, VisionPipeline
from index import EVERYTHING, LIBRARY, Filter, Source
from index.store import RegionStore

NO_FILES = "There are no photos in the library yet. Add some first, under Library or with the command index"
UNNAMED_S = 3600.0  # how long an upload may lie without a turn that names it: its question is about to be asked
WRITES_PER_S, REMEMBERED = 5, 50  # of an answer into the history; turns whose pictures a conversation knows
TALKED_OF = 6  # files that are looked for where somebody wants one changed or summed up
MAX_SHOWN = 2  # pictures that go along to a model that sees


class Assistant:
    """Answers questions about photos. Everything it uses is handed in; it builds nothing itself."""

    retriever: Retriever  # of the vector space that is searched now
    photos: PhotoPipeline  # the same

    def __init__(
        self,
        config: Config,
        *,
        eyes: VisionPipeline,
        retriever: Retriever,
        library: Library,
        lm: Generator,
        history: History,
    ) -> None:
        self.config, self.library, self.lm, self.history = config, library, lm, history
        self.requests: RequestModel | None = None
        self.passage_reader: PassageReader | None = None  # opened with them
        self.understander: RequestReader = RuleUnderstander()
        self.prover = Prover(config, lm)
        self._join_space(eyes, retriever)
        self._changing, self._placing = Lock(), Lock()
        self._stores_before: list[RegionStore] = []  # of answers under way when another space took their place
        self.planned = cast(MachinePlan | None, None)  # put there by who joined the parts
        self._notices: tuple[Notice, ...] = ()
        self.hub_permission = cast(HubPermission | None, None)  # the same; of the jobs that download
        self.accounts = cast(Accounts | None, None)  # put there by who serves, where callers log in

    def ask(self, question: Question) -> Answer:
        """The finished answer."""
        return self.ask_many([question])[0]

    def ask_many(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer per question, in order. BadQuestion if one cannot be asked; then none was."""
        now = self._with_settings_now()
        turns = now._understand(questions)  # what is asked for, act by act; a turn of the history each
        cases = now._retrieve(turns)  # evidence for each act, and what its skill makes of it
        return [[*now._compose(case, Event())][-1] for case in cases]  # claims in words, each sentence verified

    def stream(self, question: Question, *, stop: Event | None = None) -> Iterator[Answer]:
        """The answer as it grows; the last one is done or stopped. Raises what `ask` raises."""
        yield from self.stream_many([question], stops=[stop or Event()])[0]

    def stream_many(self, questions: Sequence[Question], *, stops: Sequence[Event]) -> list[Iterator[Answer]]:
        """The same of several questions, looked up together; each answer grows when it is read, in any thread."""
        now = self._with_settings_now()
        cases = now._retrieve(now._understand(questions))
        return [now._compose(case, stop) for case, stop in zip(cases, stops, strict=True)]

    def decide_many(self, asked: Sequence[tuple[str, Image]]) -> list[Verdict]:
        """How `ask` settles each question about its picture, without retrieval, wording or history.

        The same pixels are looked at once.
        """
        return self.photos.decider.decide_texts([(printable(text), image) for text, image in asked])

    def work_out(self, answer: Answer, program: str) -> Worked:
        """Run a program over the photo that an answer cites first, and compare. BadProgram points at what is wrong."""
        source = answer.citations[0].region.source.id
        regions = self.store.regions_of([source]).get(source, ())
        return rerun_program(program, answer, regions, least=self.config.see.min_tag)

    def check_rules(self, rules: Sequence[Rule], *, collection: str = LIBRARY) -> Iterator[Checked]:
        """Every photo of a collection, or of all, in the order in which they came, with the rules that hold in it.

        BadProgram without a rule, NothingThere without a photo.
        """
        return check_photos(rules, self.store, collection=collection, least=self.config.see.min_tag)

    def find(self, query: Query, *, k: int, where: Filter = EVERYTHING) -> Found:
        """At most k files, best first, and whether the library has what the box asks for. BadQuestion."""
        wanted, bounds = parse_query_box(query, where, self.store.collections())
        if wanted.image is not None and bounds.source_kinds == ("code",):
            return Coder(self.store, self.find, CodeModels(read=self.library.lines_in)).find_pictured(
                wanted, k=k, where=bounds
            )
        wanted, bounds, told = narrow_by_typed_words(wanted, bounds, self.store, datetime.now())
        return replace(self.retriever.find_many([wanted], k=k, where=bounds)[0], bounds=told)

    def picture(self, source: Source, page: int = 0) -> Image:
        """The upright picture, or that of a page of a PDF, reduced if it is large. NothingThere or BadFile if none."""
        return self.library.quarantine.read_page(source.path, page)

    def original(self, source: Source) -> bytes:
        """The file as it is now. NothingThere or BadFile if it cannot be read any more, or is too large for memory."""
        return self.library.quarantine.read_original(source.path)

    def reconfigure(self, config: Config) -> None:
        """Answer with other numbers of `rag` and `people`, another `lm.phrasing` and quality preset from now on.

        A question under way keeps its numbers; how pictures are looked at changes at the next one, models at a start.
        """
        with self._changing:
            now, wished = self.config, apply_preset(config)
            rag = replace(config.rag, reranker=now.rag.reranker, code_reranker=now.rag.code_reranker)
            lm = replace(now.lm, phrasing=wished.lm.phrasing)
            see = replace(now.see, **{name: getattr(wished.see, name) for name in LOOKS})
            runtime, people = replace(now.runtime, dial=wished.runtime.dial), config.people
            self.config = replace(now, rag=rag, lm=lm, see=see, runtime=runtime, people=people)
            self.library.config = replace(self.library.config, people=people)
            self.eyes.use_config(see)
            if self.planned:
                self.planned = replace(self.planned, plan=replace(self.planned.plan, dial=wished.runtime.dial))
            self.retriever = self.retriever.with_config(self.config)
            self._join_parts(self.photos.with_config(self.config, self.retriever))

    def use_language_model(self, lm: Generator, config: LMConfig) -> None:
        """Let another language model speak from the next question on; answers under way end with the one before."""
        with self._changing:
            phrasing = PRESETS_BY_NAME[self.config.runtime.dial].choose_phrasing(config.phrasing)
            self.config, self.lm = replace(self.config, lm=replace(config, phrasing=phrasing)), lm
            self.prover = Prover(self.config, lm)
            self._join_parts(self.photos.with_language_model(self.config, lm))
            self._drop_notices("lm.")

    def use_space(self, name: str, eyes: VisionPipeline, store: RegionStore) -> None:
        """Search another vector space from the next question on; answers under way end with the one before."""
        with self._placing, self._changing:
            before = self.library.store
            eyes.use_config(self.config.see)  # they may have been opened before another preset was chosen
            self.library.use_store(eyes, store)
            self.config = with_values(self.config, {"encoder.name": name})
            self._drop_notices("encoder.name")
            rerankers = self.retriever.rerankers
            self._join_space(eyes, Retriever(eyes.index_space, store, eyes, self.config, rerankers))
            self._stores_before.append(before)

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What it does otherwise than its settings say: since the start, and while no language server answers."""
        return (*self._notices, *tell_servers(self.lm))

    def add_notices(self, *more: Notice) -> None:
        """What whoever joined the parts could not open, or else has to tell."""
        self._notices += more

    def _drop_notices(self, begin: str) -> None:
        """What is told of settings that begin so is not true any more."""
        self._notices = tuple(
            notice for notice in self._notices if not any(name.startswith(begin) for name in notice.settings)
        )

    def close_stores_before(self) -> None:
        """Let go of indexes that are not searched any more."""
        while self._stores_before:
            self._stores_before.pop().close()

    def use_reranker(self, setting: str, name: str, score: Scorer | None) -> None:
        """Let another model, or none, order what is found from the next question on, as far as this setting says."""
        with self._changing:
            self.config = with_values(self.config, {setting: name})
            rerankers = replace_ranker(self.retriever.rerankers, setting, score)
            self.retriever = self.retriever.with_rerankers(rerankers)
            self._join_parts(self.photos.with_config(self.config, self.retriever))
            self._drop_notices(setting)

    def understand_with(self, requests: RequestModel, passages: PassageReader | None = None) -> None:
        """Let the trained model understand what is said from now on, and those who talk compare sentences by it;
        `passages` reads passages, where that is open already.
        """
        self.requests = self.understander = requests
        self.passage_reader = passages or open_passage_reader()
        self._join_parts(self.photos)

    def about(self) -> dict[str, str]:
        """What answers here: space, fingerprint, language model, counts, version."""
        counts = self.store.counts()
        return {
            "space": self.retriever.space.name,
            "fingerprint": self.retriever.space.fingerprint[:8],
            "language model": self.lm.name,
            "photos": str(counts.sources),
            "regions": str(counts.regions),
            "learned": self.library.learning.told,
            "plan": self.planned.plan.short if self.planned else "none",
            **({"notices": "; ".join(notice.short for notice in self.notices)} if self.notices else {}),
            "version": str(import_module("deepseek_mm").__version__),
        }

    @contextmanager
    def without_history(self) -> Iterator[Self]:
        """The same assistant, whose turns nobody finds in the history; for questions that the program asks itself."""
        with TemporaryDirectory() as folder:
            other = copy(self)
            other.history = History(Path(folder) / "history.db")
            try:
                yield other
            finally:
                other.history.close()

    def tidy(self) -> None:
        """Let go for good of what was deleted and cannot be undone any more, and of uploads that nobody names."""
        self.history.purge()
        if self.store.read_only:
            return
        self.library.purge()
        self.shelf.tidy(self.history.uploads(), older_s=UNNAMED_S)

    def close(self) -> None:
        """Stop the library's work, which the next start goes on with, and let go of its files."""
        self.library.close()
        close_workers()
        self.close_stores_before()
        self.store.close()
        self.history.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _join_space(self, eyes: VisionPipeline, retriever: Retriever) -> None:
        """What depends on the vector space."""
        self.eyes, self.store = eyes, self.library.store
        self.retriever = retriever
        self.find_away = self.library.drives.find_barrier  # of a path that is offline: the folder that is not there
        self.files = self.library.files  # that several machines share; None where they lie in the library's folder
        self.analyses = AnalysisCache(self.library.quarantine.read_page)
        self.shelf = UploadStore(self.config, eyes=eyes, store=self.store, analyses=self.analyses, files=self.files)
        reads = self.library.read_text
        self._join_parts(PhotoPipeline(self.config, eyes=eyes, retriever=retriever, lm=self.lm, read_text=reads))

    def _join_parts(self, photos: PhotoPipeline) -> None:
        """What depends on settings that may change."""
        encode = self.requests.encode if self.requests else None
        score, prover = self.retriever.rerankers.code, self.prover
        models = CodeModels(read=lambda image: self.library.lines_in(image), encode=encode, score=score, prover=prover)
        self.graphs = self.library.code.open_graphs()
        coder = Coder(self.store, self.find, models, self.config.parse, self.graphs)
        self.photos = photos
        self.at_hand = ReferenceResolver(self.shelf, self.retriever)
        self.resolver = ActResolver(self.shelf, self.retriever)
        search = self.retriever.search
        finder = PhotoFinder(self.store, self.eyes, search.texts, search.scales)
        photos_skill = PhotosSkill(photos, finder, self.analyses, self.library.text_reader, encode)
        documents = DocumentSkill(self.retriever, encode, finder, self.passage_reader)
        self.skills = SkillRegistry(
            {
                **photo_skills(photos_skill),
                **dict.fromkeys(("document", "sum"), documents),
                "code": CodeSkill(coder, self.store),
                **(self._open_talk() if self.requests else {}),
            },
            empty=self._tell_empty,
            encode=encode,
            whole=WholeDocuments(self.retriever) if self.requests else None,
        )

    def _open_talk(self) -> dict[ActKind, Skill]:
        """What needs no photo, by the meaning of sentences."""
        assert self.requests is not None, "a model that compares sentences"
        talk = open_talk_skills(self.requests.encode, self.store, self._find_some)
        return talk_skills(TalkSkill(talk, self._gather_facts))

    def _find_some(self, words: str, where: Filter) -> Found:
        """A few files, for those who want one changed or summed up; no sign in the words means an operator."""
        return self.retriever.find_many([Query(text=words)], k=TALKED_OF, where=where)[0]

    def _gather_facts(self) -> ProductFacts:
        version = str(import_module("deepseek_mm").__version__)
        return gather_facts(self.config, self.store, language_model=self.lm.name, version=version)

    def _tell_empty(self) -> str:
        """What there is to say of a library without files; an empty string of any other."""
        return NO_FILES if not self.store.counts().sources else ""

    def _with_settings_now(self) -> Self:
        """The same assistant, which keeps its settings while others are set: the parts are shared."""
        with self._changing:
            return copy(self)

    def _understand(self, questions: Sequence[Question]) -> list[PendingTurn]:
        """Each question understood, with its pictures, written into the history before it is answered."""
        with StageClock().run("understood") as clock:
            asked = self._read_questions(questions)
        timeline = clock.read(together=len(asked))
        return [replace(turn, case=replace(turn.case, timeline=timeline)) for turn in asked]

    def _read_questions(self, questions: Sequence[Question]) -> list[PendingTurn]:
        """As what they were understood, with their pictures and a turn of the history each."""
        clear = [validate_question(question, self.config.rag) for question in questions]
        earlier = [self._earlier(question) for question in clear]
        with self._placing:  # of two that bring the same new picture at once, one looks at it
            uploads = self.shelf.place_many(clear)
        states = [ConversationState.of(turns) for turns in earlier]
        kinds = {kind: self.store.counts(where=Filter(source_kinds=(kind,))) for kind in ("photo", "document", "code")}
        situations = [state.situation(question, kinds) for state, question in zip(states, clear, strict=True)]
        asked = [(each.text, at) for each, at in zip(clear, situations, strict=True) if each.request is None]
        understood = iter(self.understander.understand_many(asked) if asked else ())
        requests = [
            question.request or state.complete_request(next(understood))
            for question, state in zip(clear, states, strict=True)
        ]
        return [self._case(*parts) for parts in zip(clear, requests, states, uploads, strict=True)]

    def _earlier(self, question: Question) -> list[Turn]:
        """The turns before it, as the history or the asker tells them. NothingThere if they are not the asker's."""
        if question.conversation is None:
            return self.at_hand.turns_of(question.told[-REMEMBERED:]) if self.config.rag.history_turns else []
        turns = self.history.turns(question.conversation, session=question.session, last=REMEMBERED)
        return turns if self.config.rag.history_turns else []

    def _case(
        self, question: Question, request: Request, state: ConversationState, uploads: Sequence[ImageAnalysis]
    ) -> PendingTurn:
        recent, before = state.turns[-self.config.rag.history_turns :], len(state.turns)
        if before == REMEMBERED and question.conversation is not None:
            before = self.history.num_turns(question.conversation, session=question.session)
        conversation, turn = self.history.begin(
            question,
            image_path=path_of(uploads[0]) if uploads else "",
            settings=asdict(self.config),
            fingerprint=f"{self.retriever.space.fingerprint[:8]}+{self.lm.fingerprint[:8]}",
            more=[(printable(each.name), path_of(own)) for each, own in zip(question.more, uploads[1:], strict=True)],
        )
        case = QuestionContext(
            question=question,
            program=PhotoQuestion(kind="other", text=question.text, library=True),
            request=request,
            earlier=tuple((turn.question, turn.answer.text) for turn in recent),
            turns=state.turns,
            unread=before - len(recent),
            conversation=conversation,
            turn=turn,
            began_s=time.monotonic(),
        )
        state = replace(state, asked=tuple(turn.question for turn in recent))
        return PendingTurn(case=case, request=request, state=state, uploads=tuple(uploads))

    def _retrieve(self, turns: Sequence[PendingTurn]) -> list[QuestionContext]:
        """What was found for all acts of each case, and what is certain about it."""
        clock = StageClock()
        try:
            with clock.run("weighed"):
                cases = self._answer_acts(turns)
            timeline = clock.read(together=len(turns))
            return [with_timeline(case, timeline) for case in cases]
        except BaseException as error:
            failed = Answer(text="", found=False, state="failed", checks=(failure_check(error),))
            for turn in turns:  # whatever happened, no question may stay "running"
                self.history.finish(turn.case.turn, replace(failed, request=turn.request))
            raise

    def _answer_acts(self, turns: Sequence[PendingTurn]) -> list[QuestionContext]:
        """Act after act, since one may speak of what the one before it found; the same place of all turns together."""
        states, answered = [turn.state for turn in turns], [list[QuestionContext]() for _ in turns]
        for place in range(max(len(turn.request.acts) for turn in turns)):
            rows = [n for n, turn in enumerate(turns) if place < len(turn.request.acts)]
            with in_stage("understood"):
                asked = [self._resolve(turns[n], turns[n].request.acts[place], states[n]) for n in rows]
            for n, case in zip(rows, self.skills.answer_many(asked), strict=True):
                answered[n].append(case)
                states[n] = states[n].after(case)
        return [merge_answers(parts) for parts in answered]

    def _resolve(self, turn: PendingTurn, act: Act, state: ConversationState) -> QuestionContext:
        """The case narrowed down to this act, and the files that it is about."""
        resolver = self.at_hand if turn.request.by == "rules" else self.resolver
        meant = resolver.resolve(replace(turn.case, act=act), state, turn.uploads)
        program = meant.program
        counts_all = program.kind == "count" and program.attribute == "how many" and not program.things
        total = self.store.counts().sources if counts_all and program.library else 0
        return replace(meant, program=replace(program, total=total))

    def _compose(self, case: QuestionContext, stop: Event) -> Iterator[Answer]:
        """Growing answers, kept in the history on the way; a reader who leaves early leaves a stopped one."""
        written, state, clock = time.monotonic(), "stopped", StageClock()
        answer = Answer(text="", state="running", conversation=case.conversation, turn=case.turn)
        try:
            yield answer
            speech = Speech(case=case, config=self.config, pick=self._pick_pictures, stop=stop)
            for answer in clock.time_each(lambda: speech.stream(self.lm), "said"):
                if time.monotonic() - written > 1 / WRITES_PER_S:
                    self.history.progress(case.turn, answer.text)
                    written = time.monotonic()
                yield told_with(answer, case)
            state = "stopped" if stop.is_set() else "done"
        except Exception:
            state = "failed"
            raise
        finally:
            seconds = time.monotonic() - case.began_s
            answer = replace(answer, state=cast(State, state), seconds=seconds, unread=case.unread)
            answer = told_with(answer, case)
            answer = replace(answer, timeline=with_words(answer, case.timeline.followed_by(clock.read())))
            self.history.finish(case.turn, answer)
        yield answer

    def _pick_pictures(self, case: QuestionContext) -> list[ShownPicture]:
        """What a model that sees is shown; a photo whose file is gone is left out."""
        at_hand = case.pictures or ((case.source,) if case.source else ())
        files = [(each.region.source, each.region.at_ms) for each in case.evidence] or [(each, 0) for each in at_hand]
        most = MAX_SHOWN if case.program.library else max(MAX_SHOWN, len(case.pictures))
        shown = list({source.path: (source, at_ms) for source, at_ms in reversed(files)}.values())[::-1][:most]
        opened = [(source, open_image(self.analyses.get(source, at_ms))) for source, at_ms in shown]
        return [ShownPicture.of(source, image, case.evidence) for source, image in opened if image is not None]


def told_with(answer: Answer, case: QuestionContext) -> Answer:
    """The answer with how it was understood and settled, and what a button would do."""
    return replace(
        answer,
        verdict=answer.verdict or case.verdict,
        worked=case.worked,
        looked=case.looked,
        request=case.request,
        offers=case.offers,
        signals=case.signals,
    )


def with_words(answer: Answer, timeline: AnswerTimeline) -> AnswerTimeline:
    """The stages of a finished answer, with who worded it and how many of its claims stood."""
    kept = sum(check.kept for check in answer.checks)
    said = timeline.with_stage("said", kept=kept, by=(answer.model,) if answer.model else ())
    return said.with_stage("verified", kept=kept, among=len(answer.checks))
