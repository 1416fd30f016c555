"""Filling the shelves: files become regions and vectors in the store.

First the files are sorted out: what the store knows with the same size and time is left alone without being opened. The
rest is read and hashed; bytes that the store has already are one more place of what is there, or its only one, where
the file was moved or renamed. Photos are decoded in the tower's drawing thread while the tower works on those before;
documents come after the photos, one by one. A few files are one transaction. So an end at any moment (Ctrl-C, a kill, a
power cut) leaves every file either whole in the store or not in it, and the next run goes on from there. A file that
cannot be read is listed with the reason; the rest go on.
"""

import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import TypeVar

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile, Cancelled, LimitReached, NothingThere, TransientError
from deepseek_mm.ingest.moments import join_moments
from deepseek_mm.ingest.pages import TOGETHER, Leaves, code_mark, languages_mark, read_leaves, read_together
from deepseek_mm.ingest.photo_traits import PhotoTraits
from deepseek_mm.ingest.photo_words import RENAMED_MARK, STATED, WORDS_MARK
from deepseek_mm.ingest.quarantine import Quarantine
from deepseek_mm.ingest.report import Hooks, IntakeProgress, Report
from deepseek_mm.ingest.sidecars import SidecarCheck
from deepseek_mm.parse.document import is_gone, open_file, open_original, parse_file, stat_file
from deepseek_mm.parse.folder import FileList, find_files
from deepseek_mm.parse.formats import File, ParsedDocument, Piece, named_format
from deepseek_mm.parse.repository import LeftOut, why_content
from deepseek_mm.storage.stored_files import SendingAhead, StoredFiles
from deepseek_mm.vision.pipeline import ImageAnalysis, VisionPipeline
from index.region import LIBRARY, FoundFile, LibraryViewer, MovedFile, Source, Stamp, view_as
from index.store import NewSource, RegionStore

log = logging.getLogger(__name__)
SEEN_PX = 288  # both sides of a photo are decoded at this or more: the tower sees 260, colours less
MEMBER = "!/"  # between an archive and a file in it
STORED_TOGETHER, WAIT_S = 8, 0.25  # files in one transaction: half of what is looked at ahead; how long one waits
NOTED_TOGETHER = 4_096  # places of known bytes, in one transaction: after each, asks count the library anew
RENAMED = {WORDS_MARK: RENAMED_MARK}  # passes that a new name makes void -> what tells that they were made before


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """Takes files into one store. Everything it uses is handed in."""

    eyes: VisionPipeline
    store: RegionStore
    config: ParseConfig
    quarantine: Quarantine | None = None  # files that are not tried again
    collection: str = ""  # that all of it is put into; empty leaves what is known where it is
    protected: frozenset[str] = frozenset()  # collections that nothing is taken out of: whoever asks may not see them
    roots: Sequence[str] = ()  # folders that links may lead into, with `parse.follow_links`
    files: StoredFiles | None = None  # where their bytes are put before they are known, for other machines
    share: Callable[[Sequence[str], int, int], Report | None] | None = None  # has files taken in by others as well:
    #                                                 the files, how many of the job are done, and of how many; or None

    def take(
        self,
        paths: Sequence[str | os.PathLike[str]],
        *,
        hooks: Hooks | None = None,
        anew: bool = False,
        retry: bool = False,
    ) -> Report:
        """Bring the store up to date with these files and folders; `anew` reads unchanged files again as well.

        What was set aside is tried again only with `anew` or `retry`.

        Raises NothingThere if a path does not exist or none has anything to read, and what the store raises.
        """
        start = time.monotonic()
        found = find_files(paths, self.config, roots=self.roots)
        stamps = self.store.stamps(within=[os.path.abspath(path) for path in paths])
        tally = IntakeProgress(total=len(found.files) + len(found.failed), hooks=hooks or Hooks())
        for path, reason in found.failed:
            tally.fail(path, reason)
        aside = self.quarantine.reasons() if self.quarantine else {}
        files = found.files if anew or retry else pass_over(found.files, aside, tally)
        files = sort_out(files, stamps, tally, anew=anew)
        with self._sending() as ahead:
            batch = IntakeBatch(files=files, stamps=stamps, tally=tally, anew=anew, aside=aside, ahead=ahead)
            self._take_or_share(batch)
        self.store.remove_places([path for path, _ in (*tally.left_out, *links_of(found)) if path in stamps])
        if self.collection:
            with view_as(LibraryViewer(hidden=self.protected)):
                self.store.collect(found.files, self.collection)
        SidecarCheck(store=self.store, marks=STATED).renew(found.files, paths)
        return Report(
            **tally.counts,
            moves=tuple(batch.moves),
            failed=tuple(tally.failures),
            left_out=tuple(sorted((*found.left_out, *tally.left_out), key=lambda left: left[1] == "unread")),
            vanished=find_vanished(paths, found, stamps.keys() - {each.old for each in batch.moves}),
            stopped=tally.hooks.stopping(),
            seconds=time.monotonic() - start,
        )

    def take_files(self, files: Sequence[str], *, hooks: Hooks, anew: bool = False, retry: bool = False) -> Report:
        """Take in some files of a folder that somebody else has walked; one that is gone by now is listed as failed."""
        start, stamps = time.monotonic(), self.store.stamps(within=files)
        tally = IntakeProgress(total=len(files), hooks=hooks)
        aside = self.quarantine.reasons() if self.quarantine else {}
        rest = files if anew or retry else pass_over(files, aside, tally)
        new = sort_out(rest, stamps, tally, anew=anew)
        with self._sending() as ahead:
            batch = IntakeBatch(files=new, stamps=stamps, tally=tally, anew=anew, aside=aside, ahead=ahead)
            try:
                self._take(batch)
            finally:
                self._note_found(batch)
        return replace(
            tally.report(),
            moves=tuple(batch.moves),
            stopped=hooks.stopping(),
            seconds=time.monotonic() - start,
        )

    @contextmanager
    def _sending(self) -> Iterator[SendingAhead | None]:
        """What sends files to their store while others are looked at; None without a store."""
        ahead = SendingAhead(self.files) if self.files else None
        try:
            yield ahead
        finally:
            if ahead:
                ahead.close()

    def _take_or_share(self, batch: "IntakeBatch") -> None:
        """Take the files in, here or together with others."""
        before = set[str]()
        try:
            rest = self._note_exchanged(batch)
            before = {batch.stamps[path].digest for path in batch.changed}
            shared = self.share(rest, batch.tally.num_done, batch.tally.total) if self.share else None
            if shared is None:
                self._take(replace(batch, files=rest))
                return
            batch.tally.add(shared)
            batch.moves.extend(shared.moves)
        finally:
            self._note_found(batch)
            if self.files:
                self.files.drop_unused(before)

    def _take(self, batch: "IntakeBatch") -> None:
        """Photos, documents, then the copies of what was new itself."""
        space = self.eyes.index_space
        marks = [*filter(None, [languages_mark(space)])]  # what is read in photos later is read by that, too
        traits = PhotoTraits(self.eyes)
        looked = self.eyes.see_many(self._photos(batch))
        for _, pictures in groupby(looked, key=lambda picture: picture.source):
            regions, vectors_ND = join_moments([traits.regions(picture) for picture in pictures])
            source = regions[0].source
            if source.path in batch.torn:  # the rest of a video could not be decoded
                continue
            if self._try_file(source.path, batch, partial(self._send, source)):
                self._keep(NewSource(source=source, regions=regions, vectors_ND=vectors_ND, marks=marks), batch)
        self._keep_waiting(batch)
        for path in batch.documents:
            if batch.tally.hooks.stopping():
                self._keep_waiting(batch)
                return
            self._try_file(path, batch, self._take_document)
            if sum(len(text.pieces) for text in batch.texts) >= TOGETHER:
                self._keep_texts(batch)
        self._keep_texts(batch)
        self._keep_waiting(batch)
        self._note_found(batch)
        batch.changed.clear()  # what lies there now is stored by now
        for path in batch.copies:
            if batch.tally.hooks.stopping():
                return
            self._try_file(path, batch, self._take_copy)

    def _keep(self, file: NewSource, batch: "IntakeBatch") -> None:
        """Store it, together with others that came within a moment: each transaction costs its time on a server."""
        batch.waiting.append((time.monotonic(), file))
        if len(batch.waiting) >= STORED_TOGETHER or time.monotonic() - batch.waiting[0][0] >= WAIT_S:
            self._keep_waiting(batch)

    def _keep_waiting(self, batch: "IntakeBatch") -> None:
        """Store what waits. Should something in it be wrong, they are tried one by one."""
        files = [file for _, file in batch.waiting]
        batch.waiting.clear()
        try:
            self._store(files, batch)
        except (MemoryError, ValueError, ArithmeticError, LookupError, TypeError) as error:
            log.warning("%d files could not be stored together", len(files), exc_info=error)
            for each in files:
                self._try_file(each.source.path, batch, partial(self._store_alone, each))

    def _store_alone(self, file: NewSource, path: str, batch: "IntakeBatch") -> None:
        self._store([file], batch)

    def _store(self, files: Sequence[NewSource], batch: "IntakeBatch") -> None:
        self.store.add_many(files)
        for each in files:
            path = each.source.path
            batch.tally.note(path, "replaced" if path in batch.stamps else "added")

    def _send(self, source: Source, path: str, batch: "IntakeBatch") -> bool:
        """Have the bytes where other machines can read them, before they are told of. BadFile if they changed."""
        if batch.ahead:
            batch.ahead.finish(source.digest, partial(open_original, source.path, self.config))
        return True

    def _photos(self, batch: "IntakeBatch") -> Iterator[ImageAnalysis]:
        """The new pictures, decoded, in order. Runs in the tower's drawing thread."""
        for path in batch.files:
            if batch.tally.hooks.stopping():
                return
            document = self._try_file(path, batch, self._photo)
            while document is not None and (picture := self._try_file(path, batch, partial(self._picture, document))):
                yield picture

    def _picture(self, document: ParsedDocument, path: str, batch: "IntakeBatch") -> ImageAnalysis | None:
        """The next picture of a photo or a video; None after the last one."""
        try:
            piece = next(document.pieces, None)
        except BaseException:
            batch.torn.add(path)
            raise
        if piece is None:
            return None
        assert piece.image is not None, "a piece of a photo is a picture"
        return ImageAnalysis(piece.image, document.source, at_ms=piece.at_ms)

    def _try_file(self, path: str, batch: "IntakeBatch", work: "Work[Taken]") -> "Taken | None":
        """Do something with one file; what goes wrong with it is listed, and the rest go on."""
        try:
            taken = work(path, batch)
            if self.quarantine and path in batch.aside:
                self.quarantine.release(path)
            return taken
        except TransientError:  # it says nothing of the file
            raise
        except LimitReached as error:
            if self.quarantine:
                self.quarantine.note(path, str(error))
            batch.tally.fail(path, str(error))
        except (BadFile, NothingThere) as error:
            batch.tally.fail(path, str(error))
        except Cancelled:
            log.info("reading %s was stopped", path)
        except (MemoryError, ValueError, OSError, ArithmeticError, LookupError, TypeError) as error:
            # a decoder met what its writers did not think of; whoever has ten thousand files wants the others
            log.warning("reading %s broke", path, exc_info=error)
            batch.tally.fail(
                path, f"{path} could not be read: {type(error).__name__}, {error}. Save it anew, or leave it"
            )
        return None

    def _photo(self, path: str, batch: "IntakeBatch") -> ParsedDocument | None:
        """A photo or a video to look at; None when the file is known, a copy, or a document, whose turn comes later."""
        file = open_file(path, self.config)
        if (reason := why_content(file)) is not None:
            batch.tally.leave(path, reason)
            return None
        if self._is_known(file, batch):
            return None
        if file.format.kind != "photo":
            batch.documents.append(path)
            return None
        document = self._parse(file, replace(self.config, draft_px=SEEN_PX), path, batch)
        if batch.ahead:
            batch.ahead.begin(file.digest, partial(open_original, path, self.config))
        batch.digests.add(file.digest)
        return document

    def _parse(self, file: File, config: ParseConfig, path: str, batch: "IntakeBatch") -> ParsedDocument:
        """What the file holds, unless the work is stopped meanwhile."""
        collection = self._collection_of(path, batch)
        return parse_file(file, config, collection=collection, stopping=batch.tally.hooks.stopping)

    def _collection_of(self, path: str, batch: "IntakeBatch") -> str:
        """Where the file goes: into what was asked for, or where it was before."""
        must_look = self.protected or not self.collection
        known = self.store.source_at(path) if must_look and path in batch.stamps else None
        if known is not None and (not self.collection or known.collection in self.protected):
            return known.collection
        return self.collection or LIBRARY

    def _is_known(self, file: File, batch: "IntakeBatch") -> bool:
        """Whether these bytes are in the store already, or on their way there; notes the place if it is new."""
        stamp = batch.stamps.get(file.path)
        if stamp is not None and stamp.digest == file.digest and not batch.anew:
            self.store.touch(file.path, modified_ns=file.modified_ns)
            batch.tally.note(file.path, "unchanged")
            return True
        if file.digest in batch.digests:
            batch.copies.append(file.path)
            return True
        return not batch.anew and self._is_copy(file, batch)

    def _is_copy(self, file: File, batch: "IntakeBatch") -> bool:
        """Whether the store has these bytes; then it is noted with others that they lie here."""
        twin = self.store.source_with(file.digest)
        if twin is None:
            return False
        batch.twins.add(twin.id)
        batch.found.append(
            FoundFile(path=file.path, digest=file.digest, size_bytes=file.size_bytes, modified_ns=file.modified_ns)
        )
        if len(batch.found) >= NOTED_TOGETHER:
            self._note_found(batch)
        return True

    def _note_found(self, batch: "IntakeBatch") -> None:
        """Note where known bytes lie: where their file is gone they were moved, else they are copies."""
        known = self.store.places_of(list(batch.twins))
        gone = {path for paths in known.values() for path in paths if path in batch.changed or self._is_gone(path)}
        moves = self.store.note_found(batch.found, gone=gone, stale=RENAMED) if batch.found else ()
        own, new = {paths[0] for paths in known.values() if paths}, {each.new for each in moves}
        for file in batch.found:
            batch.tally.note(file.path, "moved" if file.path in new else "unchanged" if file.path in own else "copies")
        batch.moves.extend(moves)
        batch.found.clear()
        batch.twins.clear()

    def _is_gone(self, path: str) -> bool:
        """With a store of files a path may be another machine's: it is gone where its folder is here and it is not."""
        return is_gone(path) and (self.files is None or os.path.isdir(os.path.dirname(path.partition(MEMBER)[0])))

    def _note_exchanged(self, batch: "IntakeBatch") -> list[str]:
        """The files of which nothing is known, once it is noted where bytes lie whose paths other files have now.

        These are looked for first, by their size: to store what a path holds now forgets what it held before.
        """
        before = [] if batch.anew else [batch.stamps[path] for path in batch.files if path in batch.stamps]
        sizes, digests = {stamp.size_bytes for stamp in before}, {stamp.digest for stamp in before}
        rest = []
        for path in batch.files:
            status = stat_file(path) if sizes and not batch.tally.hooks.stopping() else None
            if status is None or status[0] not in sizes or not self._is_found(path, digests, batch):
                rest.append(path)
                batch.changed.update([path] if status is not None and path in batch.stamps else [])
        self._note_found(batch)
        return rest

    def _is_found(self, path: str, digests: Collection[str], batch: "IntakeBatch") -> bool:
        """Whether it holds one of these bytes, and they are known; what is wrong with it is told in its turn."""
        try:
            file = open_file(path, self.config)
        except (BadFile, NothingThere):
            return False
        return file.digest in digests and why_content(file) is None and self._is_known(file, batch)

    def _take_document(self, path: str, batch: "IntakeBatch") -> None:
        file = open_file(path, self.config)
        if file.digest in batch.digests or (not batch.anew and self._is_copy(file, batch)):
            batch.copies.extend([path] if file.digest in batch.digests else [])
            return
        document = self._parse(file, self.config, path, batch)
        if file.format.signature is None:  # text and code, which wait for others to share the tower with
            batch.texts.append(Text(document=document, pieces=list(document.pieces)))
            batch.digests.add(file.digest)
            return
        leaves = read_leaves(document, self.eyes.index_space, stopping=batch.tally.hooks.stopping)
        if leaves is not None:
            self._keep_leaves(leaves, path, batch)
            batch.digests.add(file.digest)

    def _keep_texts(self, batch: "IntakeBatch") -> None:
        """Store the files whose pieces were read. Should the tower break, they are tried one by one."""
        texts = list(batch.texts)
        batch.texts.clear()
        try:
            leaves = self._read_together(texts, batch)
        except (MemoryError, ValueError, ArithmeticError, LookupError, TypeError) as error:
            log.warning("%d files could not be embedded together", len(texts), exc_info=error)
            for text in texts:
                self._try_file(text.document.source.path, batch, partial(self._keep_text, text))
            return
        for text, each in zip(texts, leaves, strict=False):  # none when stopped
            self._try_file(text.document.source.path, batch, partial(self._keep_leaves, each))

    def _keep_text(self, text: "Text", path: str, batch: "IntakeBatch") -> None:
        for leaves in self._read_together([text], batch):
            self._keep_leaves(leaves, path, batch)

    def _read_together(self, texts: Sequence["Text"], batch: "IntakeBatch") -> list[Leaves]:
        """What they consist of; nothing when the work is stopped meanwhile."""
        pairs = [(text.document, text.pieces) for text in texts]
        return read_together(pairs, self.eyes.index_space, stopping=batch.tally.hooks.stopping) or []

    def _keep_leaves(self, leaves: Leaves, path: str, batch: "IntakeBatch") -> None:
        if not leaves.regions:
            raise BadFile(f"{path} holds no text and no picture. Nothing in it can be found, so it is left out")
        has_code = any(region.kind == "code" for region in leaves.regions)
        marks = [code_mark(self.eyes.index_space) if has_code else "", languages_mark(self.eyes.index_space)]
        self._send(leaves.regions[0].source, path, batch)
        source, marks = leaves.regions[0].source, [*filter(None, marks)]
        self._keep(NewSource(source=source, regions=leaves.regions, vectors_ND=leaves.vectors_ND, marks=marks), batch)

    def _take_copy(self, path: str, batch: "IntakeBatch") -> None:
        """A file with the bytes of one before it, which is in the store by now if it could be read."""
        file = open_file(path, self.config)
        known = self.store.source_at(path)
        if known is not None and known.digest == file.digest:
            batch.tally.note(path, "unchanged")
        elif not self._is_copy(file, batch):
            raise BadFile(f"{path} holds the same bytes as a file that could not be read. See the reason there")


@dataclass(frozen=True, kw_only=True, slots=True)
class IntakeBatch:
    """The files of one run, and what is found out about them on the way."""

    files: Sequence[str]  # to be opened
    stamps: Mapping[str, Stamp]  # of what was known at and below the paths given, at the start
    tally: IntakeProgress
    anew: bool
    aside: Mapping[str, str] = field(default_factory=dict)  # path -> why it was set aside, before this run
    digests: set[str] = field(default_factory=set)  # bytes that this run has put, or is putting, into the store
    waiting: list[tuple[float, NewSource]] = field(default_factory=list)  # looked at, not stored yet; since when
    documents: list[str] = field(default_factory=list)  # whose turn comes after the photos
    texts: list["Text"] = field(default_factory=list)  # that were read and have no vectors yet
    copies: list[str] = field(default_factory=list)  # of files of this run
    found: list[FoundFile] = field(default_factory=list)  # known bytes, whose place is not noted yet
    changed: set[str] = field(default_factory=set)  # known paths where other bytes lie now, as far as it was looked at
    twins: set[int] = field(default_factory=set)  # sources that have them
    moves: list[MovedFile] = field(default_factory=list)  # of this run
    ahead: SendingAhead | None = None  # with a store of files: what sends them
    torn: set[str] = field(default_factory=set)  # videos of which some pictures could be decoded and others not


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A file of text or code that was read."""

    document: ParsedDocument
    pieces: Sequence[Piece]


Taken = TypeVar("Taken")
Work = Callable[[str, IntakeBatch], Taken | None]


def pass_over(files: Sequence[str], aside: Mapping[str, str], tally: IntakeProgress) -> list[str]:
    """The files that are not set aside; of the others the reason is told again."""
    for path in files:
        if path in aside:
            tally.fail(path, aside[path])
    return [path for path in files if path not in aside]


def sort_out(files: Sequence[str], stamps: Mapping[str, Stamp], tally: IntakeProgress, *, anew: bool) -> list[str]:
    """The files that need opening; those with the size and the time that the store knows do not."""
    fresh = []
    for path in files:
        stamp, status = stamps.get(path), stat_file(path)
        if stamp is not None and not anew and status == (stamp.size_bytes, stamp.modified_ns):
            tally.note(path, "unchanged")
        elif status is not None and status[0] == 0 and is_code(path):  # "__init__.py" is no mistake
            tally.leave(path, "empty")
        else:
            fresh.append(path)
    return fresh


def links_of(found: FileList) -> list[LeftOut]:
    """The links that were left out: an earlier version has read what they lead to."""
    return [each for each in found.left_out if each[1] == "link"]


def is_code(path: str) -> bool:
    """True for a file whose name says that it is code."""
    named = named_format(path)
    return named is not None and named.kind == "code"


def find_vanished(paths: Sequence[str | os.PathLike[str]], found: FileList, known: Collection[str]) -> tuple[str, ...]:
    """Known files below these folders and archives that are surely not there any more, sorted.

    Of a folder in which nothing was found nothing is said: a drive may have been pulled out of it.
    """
    refused = {path for path, _ in found.failed}
    given = [path for path in map(os.path.abspath, paths) if path not in refused]
    roots = tuple(f"{path.rstrip(os.sep)}{end}" for path in given for end in (os.sep, MEMBER))
    there = set(found.files)
    missing = (path for path in known if path not in there and path.startswith(roots))
    return tuple(sorted(path for path in missing if is_gone(path)))
