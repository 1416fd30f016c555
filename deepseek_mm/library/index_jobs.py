"""The passes over new files, as handlers of jobs: take them in, read their pictures, describe them.

After the first pass everything can be searched; reading text and saying what is seen takes longer, and adds regions to
what is there.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PIL.Image import Image

from deepseek_mm.config import ParseConfig
from deepseek_mm.embeddings.space import Floats
from deepseek_mm.errors import BadFile, Cancelled, MissingPackage, NothingThere
from deepseek_mm.ingest import Hooks, Intake, Report
from deepseek_mm.ingest.pages import code_mark, embed_code, languages_mark
from deepseek_mm.ingest.photo_words import NOTE, WORDS_MARK, PhotoWords, is_own, write_own_words
from deepseek_mm.ingest.quarantine import Quarantine
from deepseek_mm.jobs import Handler, Jobs, State, Task
from deepseek_mm.jobs.table import machine_name
from deepseek_mm.language.detection import language_of
from deepseek_mm.library.batches import BATCH, SEEN, STORED, SharedWork, explain_unread, refuse_unseen, take_batch
from deepseek_mm.library.drives import Drives
from deepseek_mm.parse.document import absolute, is_gone, open_file, open_original, real_path
from deepseek_mm.parse.formats import NOWHERE
from deepseek_mm.parse.repository import explain
from deepseek_mm.parse.workers.client import Stopping, never
from deepseek_mm.storage.stored_files import StoredFiles
from deepseek_mm.vision.description import Describer, Description
from deepseek_mm.vision.ocr import TextBlock, TextReader
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline, add_features
from index import Box, Filter, Region, Source
from index.region import UPLOADS, MovedFile
from index.store import RegionStore

INDEX, IMPORT, READ, RENEW, NAME = "index", "import", "read text", "renew code", "name photos"  # kinds of jobs
WAITING: tuple[State, ...] = ("waiting",)
LATE = "late"  # in a payload: what waited when files were found gone has been taken in
MARK = "text"  # of sources whose pictures were read
CAPTION = "caption"  # kind of a region: a sentence that a machine made
DESCRIBED = "description"  # of photos that were described since a sentence has to be vouched for
PHOTOS = Filter(source_kinds=("photo",))
MOST_TOLD = 100  # files and folders that were left out, listed in a job's result
CODE = Filter(collection=None, kinds=("code",))
CODE_RENEWED = "the code of {} files was read anew"
TEXTS_RENEWED = "the texts of {} files in other languages were read anew"
WRITTEN = ("text", "caption")  # kinds of regions that are read as texts
TEXTS = Filter(kinds=WRITTEN)
MOMENTS = 8  # of a video, spread over it, that are read
TOGETHER = 16  # photos that are described at a time
PICTURES = (PHOTOS, Filter(formats=("pdf",)))  # where there is something to read


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexingHandlers:
    """Handlers of the jobs that fill one store."""

    eyes: VisionPipeline
    store: RegionStore
    jobs: Jobs
    reader: TextReader
    config: ParseConfig
    read_text: bool  # whether the second pass reads
    describe: bool = False  # whether it describes, if the eyes can
    roots: Sequence[str] = ()  # folders that links may lead into, with `parse.follow_links`
    taught: Callable[[], Mapping[str, str]] = dict  # path of a photo -> words in which somebody has described it
    moved: Callable[[Sequence[MovedFile]], object] = len  # told which files lie elsewhere now
    then: Callable[[], object] = tuple  # what else is to be done once files were taken in
    drives: Drives  # what knows which files are offline
    files: StoredFiles | None = None  # what brings those of other machines

    @property
    def quarantine(self) -> Quarantine:
        """What no pass tries again."""
        return Quarantine(jobs=self.jobs, config=self.config, find_away=self.drives.find_away)

    @property
    def describer(self) -> Describer | None:
        """What says what photos show."""
        return self.eyes.describer if self.describe else None

    @property
    def handlers(self) -> dict[str, Handler]:
        """What does each kind of job."""
        return {INDEX: self.index, BATCH: self.take_batch, READ: self.read, RENEW: self.renew, NAME: self.name}

    def add_renewal(self) -> None:
        """Write down what has to be read anew, or by its names, because an earlier version did it otherwise."""
        if self.num_to_renew():
            self.jobs.add(RENEW, {}, title="Read code and texts anew", unique=True)
        if self.num_without_words():
            self.jobs.add(NAME, {}, title="Read the names of photos", unique=True)

    def index(self, task: Task) -> str:
        """Payload: paths; only (instead of paths, for a retry); collection; anew; forget (what is gone)."""
        payload = task.job.payload
        if self.files:
            self.files.bring(payload["paths"])
        refuse_unseen(payload.get(SEEN, ()))
        self.drives.note(payload["paths"])
        paths = self._here(payload.get("only") or payload["paths"], task)
        hooks = Hooks(progress=task.report, failed=task.fail, stopping=lambda: task.stopping)
        again = {"anew": bool(payload.get("anew")), "retry": "only" in payload}
        shared: dict[str, Any] = {name: payload[name] for name in ("collection", "protected") if name in payload}
        shared |= again | {SEEN: payload.get(SEEN, [])}
        work = SharedWork(task=task, jobs=self.jobs, take=self.take_batch, payload=shared)
        work = replace(work, send=self.send) if self.files else work
        intake = replace(self._intake_of(payload), share=work.share if self.jobs.is_shared else None)
        report = intake.take(paths, hooks=hooks, **again) if paths else Report()
        if report.moves:
            self.moved(report.moves)
        self.add_words(task)
        lost = [*report.vanished, *missing(payload["paths"], self.store)]
        offline = self.drives.list_offline([*lost, *below(self._away(payload["paths"]), self.store)])
        gone, unsure = self._split_gone([path for path in lost if path not in offline], task)
        said = report.sentence() + self._describe_offline(offline)
        task.result = report.counts() | {
            "vanished": gone,
            "offline": len(offline),
            "left_out": [[each[0], explain(each)] for each in report.left_out[:MOST_TOLD]],
            "num_left_out": len(report.left_out),
        }
        if unsure:
            said += f"; {len(unsure)} files cannot be seen from {machine_name()}, and stay"
        if payload.get("forget") and gone:
            said += self._forget(gone, payload)
        if not report.stopped:
            self.add_reading()
        return said

    def take_batch(self, task: Task) -> str:
        """As `batches.take_batch`, and the words of its photos."""
        payload, intake = task.job.payload, self._intake_of(task.job.payload)
        with self.files.expecting(payload.get(STORED, {})) if self.files else nullcontext():
            said = take_batch(task, intake, self.jobs)
        self._words(task).add_to([path for path in payload["files"] if not self.files or os.path.lexists(path)])
        return said

    def send(self, paths: Sequence[str]) -> dict[str, list[str | int]]:
        """Have the bytes of files where other machines can read them; by path what `StoredFiles.expecting` wants.

        What cannot be read is left out: whoever takes it in says why.
        """
        sent: dict[str, list[str | int]] = {}
        for path in paths if self.files else ():
            with suppress(BadFile, NothingThere):
                file = open_file(path, self.config)
                assert self.files is not None, "there are paths"
                self.files.keep(file.digest, partial(open_original, path, self.config))
                sent[path] = [file.digest, file.size_bytes, file.modified_ns]
        return sent

    def _intake_of(self, payload: Mapping[str, Any]) -> Intake:
        return self.open_intake(str(payload.get("collection", "")), frozenset(payload.get("protected", ())))

    def _split_gone(self, lost: Sequence[str], task: Task) -> tuple[list[str], list[str]]:
        """What is gone, and what only this machine does not see: all that lies below folders, where another asked."""
        if not self.jobs.is_shared or task.job.machine == machine_name():
            return list(lost), []
        gone = [path for path in lost if path in task.job.payload["paths"]]
        return gone, [path for path in lost if path not in gone]

    def _here(self, paths: Sequence[str], task: Task) -> list[str]:
        """Those of the paths that are there. One that is not, and is not known either, is a failed item."""
        away = set(self._away(paths))
        return here([path for path in paths if path not in away], self.store, task)

    def _away(self, paths: Sequence[str]) -> list[str]:
        """Those that lie on a drive, or in a folder, that is away, and below which files are known."""
        return [path for path in paths if self.drives.find_away(path) and below([path], self.store)]

    def _describe_offline(self, offline: Collection[str]) -> str:
        folders = sorted({self.drives.find_away(path) for path in offline} - {""})
        return f"; {len(offline)} files are offline, for {', '.join(folders)} is not there now" if folders else ""

    def _forget(self, gone: Sequence[str], payload: Mapping[str, Any]) -> str:
        """Take out what is gone, once nothing waits to be taken in: it may lie there now. Returns what is said."""
        if not payload.get(LATE) and has_files_waiting(self.jobs):
            again = {name: payload[name] for name in ("paths", "forget")} | {LATE: True}
            self.jobs.add(INDEX, again, title=f"Look again for {len(gone)} files that are gone")
            return "; what is gone is taken out once it is known that it lies nowhere else"
        digests = {stamp.digest for stamp in self.store.stamps(within=gone).values()} if self.files else ()
        count = self.store.remove_places(gone)
        if self.files:
            self.files.drop_unused(digests)
        self.store.people.purge()
        return f"; {count} paths that are gone were taken out"

    def add_reading(self) -> None:
        """Write down that pictures are to be read and described, where one of them is done here."""
        if self.read_text or self.describer:
            payload = {} if self.read_text else {"read": False}
            self.jobs.add(READ, payload, title="Read and describe pictures", unique=True)
        self.then()

    def open_intake(self, collection: str, protected: frozenset[str] = frozenset()) -> Intake:
        """What takes files into the store; an empty collection leaves what is known where it is, and so does any other
        with what is in one of the `protected`.
        """
        return Intake(
            eyes=self.eyes,
            store=self.store,
            config=self.config,
            quarantine=self.quarantine,
            collection=collection,
            protected=protected,
            roots=self.roots,
            files=self.files,
        )

    def name(self, task: Task) -> str:
        """Give the photos of a library of before the words of their files' names, and what is written about them."""
        return f"{self.add_words(task)} photos can be found by their words"

    def add_words(self, task: Task) -> int:
        """Give new photos their words, and those of which another file says something new; returns how many."""
        return self._words(task).add_all()

    def _words(self, task: Task) -> PhotoWords:
        space, stopping = self.eyes.index_space, lambda: task.stopping
        return PhotoWords(store=self.store, space=space, config=self.config, stopping=stopping, taught=self.taught())

    def num_without_words(self) -> int:
        """Photos that cannot be found by their words yet."""
        return self.store.num_without_mark(WORDS_MARK, where=PHOTOS)

    def read(self, task: Task) -> str:
        """Payload: read (False only describes). Every picture that was not read or described yet; a file that is gone
        stays for another time.
        """
        reads = bool(task.job.payload.get("read", True))
        to_read = sum(self.store.num_without_mark(MARK, where=where) for where in PICTURES) if reads else 0
        to_say = self.store.num_without_mark(DESCRIBED, where=PHOTOS) if self.describer else 0
        read = found = described = 0
        for some in self._batches_without_description() if self.describer else ():
            if self._to_stop(task):
                break
            described += self._describe(some, task)
            task.report(described, to_read + to_say, some[-1].path)
        for source in self._unread() if reads else ():
            if self._to_stop(task):
                break
            try:
                found += self._read(source, lambda: task.stopping)
            except (BadFile, NothingThere) as error:
                task.fail(source.path, explain_unread(source.path, error, self.jobs))
            except Cancelled:
                break
            read += 1
            task.report(described + read, to_read + to_say, source.path)
        told = [f"{read} files looked at, {found} texts found"] if reads else []
        return "; ".join([*told, *([f"{described} photos described"] if self.describer else [])])

    def _to_stop(self, task: Task) -> bool:
        """New files come first; taking them in ends with this pass again."""
        return task.stopping or has_files_waiting(self.jobs)

    def renew(self, task: Task) -> str:
        """Read anew what another tower read, code and texts in other languages than English: those vectors tell nothing
        to today's. All else stays.
        """
        total, done, told = self.num_to_renew(), 0, []
        for where, renew, said in ((CODE, self._renew_code, CODE_RENEWED), (TEXTS, self._renew_texts, TEXTS_RENEWED)):
            mark, renewed = self._mark_of(where), 0
            for source in self._by_mark(mark, where) if mark else ():
                if task.stopping:
                    break
                renewed += renew(source, mark)
                done += 1
                task.report(done, total, source.path)
            told += [said.format(renewed)] if renewed else []
        return "; ".join(told) or "nothing had to be read anew"

    def _renew_code(self, source: Source, mark: str) -> bool:
        code = [region for region in self.store.regions_of([source.id])[source.id] if region.kind == "code"]
        return self.store.exchange_regions(source.id, code, embed_code(code, self.eyes.index_space), mark=mark)

    def _renew_texts(self, source: Source, mark: str) -> bool:
        """Whether there was a text in another language; one in English stays as it is."""
        regions = self.store.regions_of([source.id])[source.id]
        kinds = {region.kind for region in regions if region.kind in WRITTEN and language_of(region.text)}
        texts = [region for region in regions if region.kind in kinds]
        vectors_ND = self.eyes.index_space.embed_texts([region.text for region in texts])
        if not texts:
            self.store.extend(source.id, [], vectors_ND, mark=mark)
            return False
        return self.store.exchange_regions(source.id, texts, vectors_ND, mark=mark)

    def _mark_of(self, where: Filter) -> str:
        """The name of the pass over code, or over texts; "" where there are none, and their tower need not be known."""
        if not self.store.counts(where=where).regions:
            return ""
        return (code_mark if where is CODE else languages_mark)(self.eyes.index_space)

    def num_to_renew(self) -> int:
        """Sources with code, or with texts, that another tower may have read than today's."""
        marks = ((where, self._mark_of(where)) for where in (CODE, TEXTS))
        return sum(self.store.num_without_mark(mark, where=where) for where, mark in marks if mark)

    def reword(self, source: Source, text: str) -> bool:
        """Describe a photo in somebody's own words from now on. False if the library does not know it any more."""
        mine = write_own_words(source, text)
        notes = [region for region in self._regions_of(source) if region.kind == mine.kind and not is_own(region)]
        regions = [*notes, mine]
        vectors_ND = self.eyes.index_space.embed_texts([region.text for region in regions])
        return self.store.exchange_regions(source.id, regions, vectors_ND, mark=DESCRIBED, without=(CAPTION,))

    def unword(self, source: Source, text: str) -> bool:
        """Take somebody's own words back; `text` is a machine's sentence to stand there again, or empty."""
        notes = [region for region in self._regions_of(source) if region.kind == NOTE and not is_own(region)]
        regions = [*notes, *([caption_of(source, text)] if text else [])]
        vectors_ND = self.eyes.index_space.embed_texts([region.text for region in regions])
        return self.store.exchange_regions(source.id, regions, vectors_ND, mark=DESCRIBED, without=(NOTE, CAPTION))

    def _regions_of(self, source: Source) -> Sequence[Region]:
        return self.store.regions_of([source.id]).get(source.id, ())

    def _batches_without_description(self) -> Iterator[list[Source]]:
        last = 0
        while some := self.store.sources_without_mark(DESCRIBED, where=PHOTOS, limit=TOGETHER, after=last):
            if there := self._online(some):
                yield there
            last = some[-1].id

    def _online(self, sources: Sequence[Source]) -> list[Source]:
        """Without those that are offline: they wait until they are back."""
        offline = self.drives.list_unreadable([source.path for source in sources])
        return [source for source in sources if source.path not in offline]

    def _describe(self, sources: Sequence[Source], task: Task) -> int:
        """Describe some photos, and return how many there were whose file could be read."""
        assert self.describer is not None
        pictures = []
        for source in sources:
            try:
                image = self.quarantine.read_page(source.path, 0, stopping=lambda: task.stopping)
                pictures.append(ImageAnalysis(image, source))
            except (BadFile, NothingThere) as error:
                task.fail(source.path, explain_unread(source.path, error, self.jobs))
            except Cancelled:
                return 0
        self._read_headings(pictures)
        told = self.eyes.describe_many(pictures)
        vectors_ND = self.eyes.index_space.embed_texts([said.text for said in told])
        for picture, said, vector_D in zip(pictures, told, vectors_ND, strict=True):
            assert picture.source is not None, "made with one"
            self._keep(picture.source, said, vector_D)
        return len(pictures)

    def _read_headings(self, pictures: Sequence[ImageAnalysis]) -> None:
        """The lines of plots, pages and screens, of which a description tells the heading."""
        for picture in add_features(self.eyes.space, pictures) if self.read_text else ():
            kind = self.eyes.kind(picture)
            if kind is not None and kind.is_made:
                with suppress(MissingPackage):
                    picture.lines = tuple(self.reader.lines(picture.image))

    def _keep(self, source: Source, said: Description, vector_D: Floats) -> None:
        """Put the sentence in the place of one of before, unless somebody has described the photo in own words."""
        known = self._regions_of(source)
        if any(map(is_own, known)):
            said = Description()
        elif any(region.kind == CAPTION and region.text == self.taught().get(source.path) for region in known):
            self.reword(source, self.taught()[source.path])  # from before such words were notes
            return
        regions = [caption_of(source, said.text)] if said.text else []
        rows_ND = vector_D[None] if said.text else vector_D[:0].reshape(0, len(vector_D))
        self.store.exchange_regions(source.id, regions, rows_ND, mark=DESCRIBED, without=(CAPTION,))

    def read_now(self, source: Source) -> None:
        """Read one file of any collection, unless it was read before. BadFile or NothingThere says why not."""
        if self.store.sources_without_mark(MARK, where=Filter(collection=None, source_ids=(source.id,)), limit=1):
            self._read(source, never)

    def _unread(self) -> Iterator[Source]:
        for where in PICTURES:
            for source in self._by_mark(MARK, where):
                yield from self._online([source])

    def _by_mark(self, mark: str, where: Filter) -> Iterator[Source]:
        """Every source over which this pass was not made."""
        last = 0
        while some := self.store.sources_without_mark(mark, where=where, limit=64, after=last):
            yield from some
            last = some[-1].id

    def _read(self, source: Source, stopping: Stopping) -> int:
        """Read one file's pictures, add what is written there, and return how many texts that is."""
        regions = [region for page in self._pages(source) for region in self._texts(source, page, stopping)]
        vectors_ND = self.eyes.index_space.embed_texts([region.text for region in regions])
        self.store.extend(source.id, regions, vectors_ND, mark=MARK)
        return len(regions)

    def _pages(self, source: Source) -> list[int]:
        """0 for a photo, some moments of a video; of a document the pages that have no text of their own, as scans."""
        if source.kind == "photo" and not source.is_video:
            return [0]
        regions = self.store.regions_of([source.id])[source.id]
        if source.is_video:
            moments = [region.at_ms for region in regions if region.kind == "whole"]
            return moments[:: -(-len(moments) // MOMENTS) or 1]
        written = {region.page for region in regions if region.kind == "text"}
        return [region.page for region in regions if region.kind == "page" and region.page not in written]

    def _texts(self, source: Source, page: int, stopping: Stopping) -> list[Region]:
        image = self.quarantine.read_page(source.path, page, stopping=stopping)
        is_page = page > 0 and not source.is_video
        size = image.size if is_page else (source.width_px, source.height_px)
        there = Region(source=source, kind="text", box_px=NOWHERE)
        there = replace(there, page=page) if is_page else replace(there, at_ms=page)
        return [
            replace(there, box_px=on_original(each, image, size), text=each.text) for each in self.reader.read(image)
        ]


def caption_of(source: Source, text: str) -> Region:
    """A machine's sentence about a photo, as a region of it."""
    return Region(source=source, kind=CAPTION, box_px=(0, 0, source.width_px, source.height_px), text=text)


def on_original(written: TextBlock, image: Image, size: tuple[int, int]) -> Box:
    """The box in pixels of the original, which may be larger than the picture that was read."""
    across, down = size[0] / image.width, size[1] / image.height
    left, top, right, bottom = written.box_px
    return (
        round(left * across),
        round(top * down),
        min(size[0], round(right * across)),
        min(size[1], round(bottom * down)),
    )


def here(paths: Sequence[str], store: RegionStore, task: Task) -> list[str]:
    """Those of the paths that are there. One that is not, and is not known either, is a failed item."""
    found = []
    for path in paths:
        if os.path.lexists(path) or "!/" in path:
            found.append(path)
        elif not below([path], store):
            task.fail(path, f"no file or folder at {path}. Check the name")
    return found


def missing(paths: Sequence[str], store: RegionStore) -> list[str]:
    """Known paths at or below those that are not there any more, if that is sure of each."""
    return [path for path in below([path for path in paths if not os.path.lexists(path)], store) if is_gone(path)]


def below(paths: Sequence[str], store: RegionStore) -> list[str]:
    """Known paths that are one of these, or lie below one or in an archive there."""
    return sorted(store.stamps(within=paths)) if paths else []


def has_files_waiting(jobs: Jobs) -> bool:
    """Whether files wait to be taken in. Passes over known files make way for them; and begin again behind them."""
    shared = jobs.is_shared and jobs.counts((BATCH,))["waiting"] > 0
    return shared or bool(jobs.find(kinds=(INDEX, IMPORT), states=WAITING, limit=1))


def job_title(names: Sequence[str]) -> str:
    """The first name, and how many more there are."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]}{more}" if names else "nothing"


def lock_of(names: Sequence[str]) -> str:
    """What jobs over the same files and folders have in common: they are not done at the same time."""
    return hashlib.sha256("\0".join(sorted(names)).encode("utf-8", "surrogatepass")).hexdigest()


def normalize_collection(collection: str) -> str:
    """The name of a collection as it is kept. BadFile if there can be none of that name."""
    name = " ".join(collection.split())
    if not name:
        raise BadFile("a collection needs a name. Type one")
    if name == UPLOADS:
        raise BadFile(f"no collection can be called {UPLOADS}: pictures that came with questions are. Take another")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadFile(f"the name {ascii(name)} is not valid UTF-8. Type another") from None
    return name


def spellings(paths: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The paths as they are named, and as the library knows them: without links. BadFile if one is no text."""
    return list(dict.fromkeys(name for path in paths for name in (absolute(path), real_path(path))))
