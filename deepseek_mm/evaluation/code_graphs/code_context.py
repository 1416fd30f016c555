"""`eval code-context`: does the context that is found for a task hold the functions that the task's commit changed?

A task is a commit's message without its area; the pieces are the functions, methods and classes of the tree before it.
Recall@k is the share of the changed pieces among the first k, and of the changed files among the first k files, beside
BM25 over the same pieces. Trees share most files, so pieces are cut once for each blob and embedded once for each text.

Shape key:  P pieces of a tree, D width of the vector space
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.code_graph.commit_log import CommitRecord
from deepseek_mm.code_graph.git_history import FRESH_WINDOWS
from deepseek_mm.code_graph.pieces import CodePiece, cut_pieces, read_head
from deepseek_mm.code_graph.ranking import KnownSigns, PieceCorpus, RankingWeights, combine_signs
from deepseek_mm.code_graph.records import SourceText
from deepseek_mm.embeddings.code import code_text
from deepseek_mm.embeddings.space import EmbeddingModel
from deepseek_mm.evaluation.code_graphs.commit_tasks import (
    CommitTask,
    TreeFile,
    changed_pieces,
    find_earlier,
    find_fresh_lines,
    list_tasks,
    list_tree,
    measure_activity,
    read_blobs,
    read_history,
)
from deepseek_mm.storage.files import atomic_write
from index import Symbol

CUTS = (10, 30)
TOGETHER = 2_000  # texts that are embedded before they are kept
Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskScore:
    """How one task went; shares of 1."""

    commit: str
    pieces_10: float
    pieces_30: float
    files_10: float
    files_30: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextReport:
    """Both ways over the same tasks."""

    split: str
    tasks: int
    ours: Mapping[str, float]
    bm25: Mapping[str, float]

    def json(self) -> str:
        """The figures as one line of JSON."""
        gains = {f"gain_{key}": round(self.ours[key] - self.bm25[key], 4) for key in self.ours}
        return json.dumps(asdict(self) | gains)

    def table(self) -> str:
        """A table for people."""
        keys = list(self.ours)
        head = f"{'':<12}" + "".join(f"{key:>12}" for key in keys)
        rows = [
            f"{name:<12}" + "".join(f"{way[key]:>12.3f}" for key in keys)
            for name, way in (("found", self.ours), ("BM25", self.bm25))
        ]
        return "\n".join([head, *rows, f"{self.tasks} tasks"])


class VectorStore:
    """Vectors by the digest of their text, kept in a folder."""

    def __init__(self, folder: Path, space: EmbeddingModel) -> None:
        self._space, self._folder = space, folder / f"vectors-{space.code_fingerprint[:12]}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._place: dict[str, int] = {}
        parts = []
        for names in sorted(self._folder.glob("*.txt")):
            digests = names.read_text().split()
            self._place |= {digest: len(self._place) + n for n, digest in enumerate(digests)}
            parts.append(np.load(names.with_suffix(".npy")))
        self._vectors = np.concatenate(parts) if parts else np.zeros((0, 0), np.float16)

    def add(self, texts: Mapping[str, str], note: Callable[[str], None]) -> None:
        """Embed those that are not known."""
        new = sorted(set(texts) - set(self._place))
        for begin in range(0, len(new), TOGETHER):
            part = new[begin : begin + TOGETHER]
            note(f"embedding {begin + len(part)} of {len(new)} pieces")
            made = self._space.embed_code([texts[digest] for digest in part]).astype(np.float16)
            name = self._folder / f"{len(self._place):08}"
            np.save(name.with_suffix(".npy"), made)
            atomic_write(name.with_suffix(".txt"), "\n".join(part).encode())
            self._place |= {digest: len(self._place) + n for n, digest in enumerate(part)}
            self._vectors = np.concatenate([self._vectors, made]) if len(self._vectors) else made

    def cosines(self, question: str, digests: Sequence[str]) -> NDArray[np.float64]:
        """(P,) of a question with pieces."""
        asked_D = self._space.embed_code_questions([question])[0]
        rows = [self._place[digest] for digest in digests]
        cosines_P: NDArray[np.float64] = (self._vectors[rows].astype(np.float32) @ asked_D).astype(float)
        return cosines_P


class TreeReader:
    """Pieces of trees; each blob is cut once."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._known: dict[tuple[str, str], tuple[CodePiece, ...]] = {}
        self._digests: dict[int, str] = {}
        self._heads: dict[str, str] = {}

    def read(self, tree: Sequence[TreeFile]) -> list[CodePiece]:
        """All pieces of a tree, in its order."""
        new = [file for file in tree if (file.path, file.digest) not in self._known]
        texts = read_blobs(self._repository, list(dict.fromkeys(file.digest for file in new))) if new else {}
        for file in new:
            source = SourceText(path=file.path, text=texts[file.digest], digest=file.digest)
            self._known[file.path, file.digest] = tuple(cut_pieces(source))
            self._heads[file.digest] = read_head(source.text)
        return [piece for file in tree for piece in self._known[file.path, file.digest]]

    def heads(self, tree: Sequence[TreeFile]) -> dict[str, str]:
        """What the files of a tree that was read say first of themselves, by path."""
        return {file.path: self._heads[file.digest] for file in tree}

    def digest(self, piece: CodePiece) -> str:
        """Which vector a piece has that was read here."""
        known = self._digests.get(id(piece))
        if known is None:
            known = self._digests[id(piece)] = digest_of(text_to_embed(piece))
        return known


def text_to_embed(piece: CodePiece) -> str:
    """What the tower reads of a piece."""
    around = piece.qualified.rpartition(".")[0]
    symbol = Symbol(name=piece.name, parent=around, kind=piece.kind, signature=piece.signature, doc=piece.doc)
    return code_text(symbol, piece.text, piece.path)


def digest_of(text: str) -> str:
    """Which vector it has."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:24]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedTask:
    """A task with the signs of all pieces of its tree."""

    task: CommitTask
    corpus: PieceCorpus
    changed: frozenset[int]
    plain_P: NDArray[np.float64]
    signs: Mapping[str, NDArray[np.float64]]


def prepare_task(
    task: CommitTask,
    repository: Path,
    reader: TreeReader,
    vectors: VectorStore | None,
    history: Sequence[CommitRecord] = (),
) -> PreparedTask:
    """Everything that a ranking needs."""
    tree = list_tree(repository, task.parent)
    pieces = reader.read(tree)
    corpus = PieceCorpus(pieces, heads=reader.heads(tree))
    cosines_P = vectors.cosines(task.text, [reader.digest(piece) for piece in pieces]) if vectors else None
    known = KnownSigns(
        vectors_P=cosines_P,
        activity=measure_activity(repository, task.parent),
        fresh_lines=[(weight, find_fresh_lines(repository, task.parent, back)) for back, weight in FRESH_WINDOWS],
        commits=find_earlier(repository, task.parent, history),
    )
    return PreparedTask(
        task=task,
        corpus=corpus,
        changed=frozenset(changed_pieces(task, pieces)),
        plain_P=corpus.score_words(task.text),
        signs=corpus.signs(task.text, known),
    )


def embed_all(
    tasks: Sequence[CommitTask],
    repository: Path,
    reader: TreeReader,
    vectors: VectorStore,
    note: Callable[[str], None],
) -> None:
    """Embed every piece of every tree once."""
    texts: dict[str, str] = {}
    seen: set[TreeFile] = set()
    for task in tasks:
        tree = [file for file in list_tree(repository, task.parent) if file not in seen]
        seen.update(tree)
        for piece in reader.read(tree):
            text = text_to_embed(piece)
            texts[digest_of(text)] = text
    vectors.add(texts, note)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContextTasks:
    """Which tasks."""

    repository: Path
    split: str = "test"
    most: int = 100
    until: str = "HEAD"


def evaluate_context(
    chosen: ContextTasks, work: Path, space: EmbeddingModel, note: Callable[[str], None] = lambda text: None
) -> ContextReport:
    """Rank the pieces of each task's tree, in both ways."""
    repository = chosen.repository
    tasks = list_tasks(repository, chosen.split, chosen.most, until=chosen.until)
    reader, vectors = TreeReader(repository), VectorStore(work, space)
    history = read_history(repository, chosen.until)
    embed_all(tasks, repository, reader, vectors, note)
    ours, plain = [], []
    for n, task in enumerate(tasks, start=1):
        prepared = prepare_task(task, repository, reader, vectors, history)
        if not prepared.changed:
            continue
        ours.append(score_ranking(prepared, combine_signs(prepared.signs, RankingWeights())))
        plain.append(score_ranking(prepared, prepared.plain_P))
        note(f"{n} of {len(tasks)} tasks")
    return ContextReport(split=chosen.split, tasks=len(ours), ours=mean_scores(ours), bm25=mean_scores(plain))


def score_ranking(prepared: PreparedTask, score_P: NDArray[np.float64]) -> TaskScore:
    """Recall at both cuts."""
    order = np.argsort(-score_P, kind="stable")
    files = list(dict.fromkeys(prepared.corpus.pieces[n].path for n in order[:2_000]))
    wanted = {prepared.corpus.pieces[n].path for n in prepared.changed}
    found = {
        cut: (
            len(prepared.changed & set(order[:cut].tolist())) / len(prepared.changed),
            len(wanted & set(files[:cut])) / len(wanted),
        )
        for cut in CUTS
    }
    return TaskScore(
        commit=prepared.task.commit,
        pieces_10=found[10][0],
        pieces_30=found[30][0],
        files_10=found[10][1],
        files_30=found[30][1],
    )


def mean_scores(scores: Sequence[TaskScore]) -> dict[str, float]:
    """Means over tasks."""
    keys = ("pieces_10", "pieces_30", "files_10", "files_30")
    return {key: round(float(np.mean([getattr(one, key) for one in scores])), 4) if scores else 0.0 for key in keys}
