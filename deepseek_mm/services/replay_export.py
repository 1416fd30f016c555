"""A conversation with everything that is needed to answer it again elsewhere: what answered, and the files it cites."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath

from deepseek_mm.assistant import Assistant
from deepseek_mm.embeddings.towers import fingerprint
from deepseek_mm.errors import DeepSeekMMError
from deepseek_mm.history import Turn
from deepseek_mm.language.understanding import HEADS, LAYERS
from deepseek_mm.learning.learner import HEAD, SHIPPED
from deepseek_mm.lm.infilling import LineSampling
from deepseek_mm.machine import machine
from deepseek_mm.sharing import Exported, Sharing
from deepseek_mm.sharing.files import file_name, same_name, sha256
from deepseek_mm.sharing.privacy import allowed_settings, remove_coordinates, shareable_value
from deepseek_mm.sharing.replay_bundle import (
    FORMAT,
    MEDIA_TYPE,
    SUFFIX,
    VERSION,
    BundledFile,
    BundledIndex,
    BundledModel,
    BundleLimits,
    BundleManifest,
    LeftOut,
    MissingFile,
    ReplayBundle,
    write_bundle,
)
from deepseek_mm.vision.captioner import WEIGHTS as CAPTIONS
from deepseek_mm.vision.visual_prompt import WEIGHTS as GLANCE
from deepseek_mm.vision.vqa import WEIGHTS as READER
from index import Source
from index.region import UPLOADS

PACKAGES = (
    "torch", "numpy", "faiss-cpu", "transformers", "tokenizers", "safetensors", "rapidocr", "onnxruntime", "pillow",
    "pypdfium2", "SQLAlchemy", "pydantic", "gradio",
)  # fmt: skip
HEXADECIMAL = re.compile(r"[0-9a-f]{8,}")
GREEDY = "the likeliest word each time"
LINES = "lines of code"  # what is drawn
SPACE, SPEAKER = "vector space", "language model"  # what models do, that each turn names by itself
NOBODY = "none"  # name of a language model where the program speaks


def list_models(assistant: Assistant) -> list[BundledModel]:
    """Every model that has a part in answers here, by what it does."""
    space, eyes, rag = assistant.retriever.space, assistant.eyes, assistant.config.rag
    found = [name_model(SPACE, space.name, space.fingerprint)]
    if eyes.space.fingerprint != space.fingerprint:
        found.append(name_model("looking", eyes.space.name, eyes.space.fingerprint))
    if assistant.lm.name != NOBODY:
        found.append(name_model(SPEAKER, assistant.lm.name, assistant.lm.fingerprint))
    if assistant.requests is not None:
        found.append(name_files("understanding of questions", "requests", HEADS, LAYERS))
    found += name_eyes(assistant)
    found.append(name_model("reader of text", f"rapidocr {versions_of(['rapidocr']).get('rapidocr', '-')}", ""))
    if rag.reranker:
        found.append(name_model("order of passages", rag.reranker, ""))
    if rag.code_reranker:
        found.append(name_model("order of code", rag.code_reranker, ""))
    return found


def name_eyes(assistant: Assistant) -> Iterator[BundledModel]:
    """What looks at pictures beside the space."""
    eyes = assistant.eyes
    if eyes.reader is not None:
        yield name_reader(assistant)
    if eyes.reader is not None and eyes.reader.glance is not None and assistant.config.see.glance:
        yield name_files("second look", "glance", GLANCE)
    if eyes.detector is not None:
        yield name_model("detector", "detector", eyes.detector.fingerprint)
    if eyes.describer is not None:
        yield name_files("describer", "captions", CAPTIONS)


def name_reader(assistant: Assistant) -> BundledModel:
    """The shipped weights, and with them what was learned from corrections here."""
    learning = assistant.library.learning
    learned = [] if learning.told == SHIPPED else [learning.versions.folder / str(learning.answering) / HEAD]
    return name_files("reader of photos", f"reader, {learning.told}", READER, *learned)


def name_model(role: str, name: str, known_by: str) -> BundledModel:
    """Without folders and addresses: a server's fingerprint is its address, so its digest is told."""
    told = known_by if not known_by or HEXADECIMAL.fullmatch(known_by) else sha256(known_by.encode())
    return BundledModel(role=role, name=str(shareable_value(name)), fingerprint=told)


def name_files(role: str, name: str, *files: Path) -> BundledModel:
    """Weights that are known by their bytes."""
    with suppress(OSError):
        return BundledModel(role=role, name=name, fingerprint=fingerprint(files))
    return BundledModel(role=role, name=name)


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Of those that are installed."""
    found = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@dataclass(kw_only=True, slots=True)
class CitedFiles:
    """The files of the library that answers cite, read one after the other within the limits."""

    assistant: Assistant
    limits: BundleLimits
    places: bool = False  # whether where photos were taken goes along
    data: dict[str, bytes] = field(default_factory=dict)  # member of the bundle -> its bytes
    files: list[BundledFile] = field(default_factory=list)
    left_out: list[MissingFile] = field(default_factory=list)
    _folders: dict[str, int] = field(default_factory=dict)  # path -> number
    _num_bytes: int = 0

    def collect(self, turns: Iterable[Turn]) -> None:
        """Each file once, in the order in which answers cite them."""
        cited = (citation.region.source for turn in turns for citation in turn.answer.citations)
        for source in {each.digest: each for each in cited if is_of_library(each)}.values():
            data = self._read(source)
            if isinstance(data, bytes):
                self._add(source, data)
            else:
                self.left_out.append(MissingFile(name=source.name, digest=source.digest, why=data))

    def _read(self, source: Source) -> bytes | LeftOut:
        """Its bytes, or why there are none."""
        if source.size_bytes > self.limits.max_file_bytes or len(self.files) >= self.limits.most_files:
            return "too large"
        try:
            data = self.assistant.original(source)
        except (DeepSeekMMError, OSError):  # moved or deleted since it was indexed
            return "gone"
        if sha256(data) != source.digest:
            return "changed"
        if self._num_bytes + len(data) > self.limits.max_files_bytes or len(data) > self.limits.max_file_bytes:
            return "too large"
        holds_places = source.kind == "photo" or source.format == "pdf"
        return remove_coordinates(data) if holds_places and not self.places else data

    def _add(self, source: Source, data: bytes) -> None:
        member = self._place(PurePath(source.path).parent, same_name(source.name))
        self._num_bytes += len(data)
        self.data[member] = data
        self.files.append(
            BundledFile(
                member=member,
                collection=source.collection,
                digest=source.digest,
                sha256=sha256(data),
                modified_ns=source.modified_ns,
            )
        )

    def _place(self, folder: PurePath, name: str) -> str:
        """Its name in the bundle: what lay together lies together, under a number in place of the folder's name."""
        number = self._folders.setdefault(str(folder), len(self._folders) + 1)
        if f"files/{number:04}/{name}" in self.data:  # of two names one was harmless only with other letters
            number = self._folders.setdefault(f"{folder}/{len(self.files)}", len(self._folders) + 1)
        return f"files/{number:04}/{name}"


def is_of_library(source: Source) -> bool:
    """Whether it is a file of the library: a picture that came with a question is in the conversation already."""
    return source.collection != UPLOADS and len(source.digest) == len(sha256(b""))


def make_bundle(
    assistant: Assistant,
    sharing: Sharing,
    conversation: int,
    *,
    session: str,
    places: bool = False,
    limits: BundleLimits | None,
) -> ReplayBundle:
    """The conversation and what answers here, without files where no `limits` are given. NothingThere if it is not the
    session's; BadFile if it is too large.
    """
    exported = sharing.export(conversation, "json", session=session, places=places)
    cited = CitedFiles(assistant=assistant, limits=limits or BundleLimits(), places=places)
    if limits:
        cited.collect(sharing.history.turns(conversation, session=session))
    manifest = describe_installation(assistant, sharing, cited, conversation=sha256(exported.data))
    return ReplayBundle(manifest=manifest, conversation=exported.data, files=cited.data)


def describe_installation(
    assistant: Assistant, sharing: Sharing, cited: CitedFiles, *, conversation: str
) -> BundleManifest:
    """What answers here, as it stands now."""
    space, counts = assistant.retriever.space, assistant.store.counts()
    return BundleManifest(
        format=FORMAT,
        version=VERSION,
        exported_at=sharing.clock().astimezone(UTC),
        program=sharing.version,
        packages=versions_of(PACKAGES),
        machine=machine(),
        settings=allowed_settings(asdict(assistant.config)),
        wording=GREEDY,
        seeds={LINES: LineSampling().seed},
        models=tuple(list_models(assistant)),
        index=BundledIndex(
            space=space.name,
            fingerprint=space.fingerprint,
            num_sources=counts.sources,
            num_regions=counts.regions,
        ),
        conversation=conversation,
        files=tuple(cited.files),
        left_out=tuple(cited.left_out),
    )


def export_bundle(
    assistant: Assistant, sharing: Sharing, conversation: int, *, session: str, places: bool = False
) -> Exported:
    """The bundle as a file. BadFile if it is too large."""
    limits = BundleLimits()
    bundle = make_bundle(assistant, sharing, conversation, session=session, places=places, limits=limits)
    title = sharing.history.conversation(conversation, session=session).title
    data = write_bundle(bundle, limits=limits)
    return Exported(name=file_name(title, SUFFIX), data=data, media_type=MEDIA_TYPE)
