"""Every number a run depends on, in one tree of frozen dataclasses.

A run is a value: take `Config()`, change it with `replace`, hand it on. Nothing here imports torch, so settings can be
read, tested and documented anywhere. Files, environment and flags become a Config in `deepseek_mm.settings`.
"""

import os
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from deepseek_mm.addresses import is_web_address, read_networks, split_addresses
from deepseek_mm.errors import ConfigError
from deepseek_mm.storage_config import StorageConfig

OUR_LM = "deepseek-mm"  # language model: the packaged one with our attention and experts, in weights/lm.safetensors
BASE_LM = "smollm2"  # the packaged one as it is
PACKAGED_LMS = (OUR_LM, BASE_LM)
EDGE_LM = "deepseek-mm-edge"  # what a small machine speaks with: fewer layers and words, taught by ours
AUTO, DEFAULT, EDGE = "auto", "default", "edge"  # packaged vector spaces; "auto" is the library's own
PACKAGED_SPACES = (AUTO, DEFAULT, EDGE)
RETIRED_SPACES = {"small": EDGE}  # name of an earlier version -> the space that took its place


def cache_folder() -> Path:
    """Where what can be made again lies: converted models, a corpus, compiled loops."""
    return Path(os.environ.get("DEEPSEEK_MM_CACHE") or Path.home() / ".cache" / "deepseek-mm")


def between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside [low, high], naming the field and both bounds."""
    if not low <= value <= high:
        raise ConfigError(f"{name}={value} must lie between {low} and {high}")


def retired_space(name: str) -> str:
    """What is said of a space that this version does not have."""
    return "encoder.name={0} is no more: {1} takes its place. Write encoder.name={1}".format(name, RETIRED_SPACES[name])


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What a run does otherwise than its settings say, or cannot do: for everybody who uses it."""

    short: str  # names no path and no address
    text: str  # the whole sentence, for whoever may change it
    settings: tuple[str, ...] = ()  # dotted names of those that it is about


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderConfig:
    """What turns pictures, text and code into vectors."""

    name: str = AUTO  # the library's, of a new one the plan's; default, edge, or a CLIP/SigLIP folder or name
    batch: int = 16  # pictures in one pass of the tower
    threads: int = 0  # CPU threads for the towers; 0 is all cores
    url: str = ""  # other servers of this program that embed texts and code for this one, with commas between them

    def __post_init__(self) -> None:
        for address in split_addresses(self.url):
            if not is_web_address(address) or "@" in address or address.rstrip("/").count("/") != 2:
                raise ConfigError(f"encoder.url={address} must be an address without a path, such as http://box:7860")
        if self.name in RETIRED_SPACES:
            warnings.warn(retired_space(self.name), FutureWarning, stacklevel=3)
            object.__setattr__(self, "name", RETIRED_SPACES[self.name])
        between("encoder.batch", self.batch, 1, 1024)
        between("encoder.threads", self.threads, 0, 1024)


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexConfig:
    """How vectors are searched (the store is always exact)."""

    exact_up_to: int = 10_000  # vectors compared one by one; beyond it short codes choose which

    def __post_init__(self) -> None:
        between("index.exact_up_to", self.exact_up_to, 0, 10**9)


@dataclass(frozen=True, kw_only=True, slots=True)
class ParseConfig:
    """How much of a file is read."""

    max_pixels: int = 100_000_000  # a larger picture is refused before it is decoded
    draft_px: int = 1600  # a JPEG is decoded at a half, a quarter or an eighth where both its sides stay this long
    max_bytes: int = 500_000_000  # a larger file is refused before it is read
    follow_links: bool = False  # read what links in an indexed folder lead to, where that is inside serve.roots
    max_video_bytes: int = 20_000_000_000  # the same of a video, which is read where it lies
    max_frames: int = 40  # pictures of one video that are looked at
    max_pages: int = 500  # of one document; the rest is left out, and the document says so
    max_members: int = 20_000  # files of one archive
    max_unpacked_bytes: int = 4_000_000_000  # of one archive, all members together
    max_chars: int = 4_000_000  # of one text; the rest is left out, and the document says so
    chunk_chars: int = 800  # length of a piece of text that has a vector of its own
    code_chars: int = 2_000  # the same of code: a longer function is cut
    workers: int = 4  # processes that take files apart at the same time; they are started when they are needed
    worker_memory_mb: int = 420  # that taking one file apart may need, besides the bytes of the file itself
    worker_seconds: float = 8.0  # that one step may compute: a picture, a page of a PDF, a whole text
    worker_file_seconds: float = 1_800.0  # that all steps of one file may compute together
    worker_output_mb: int = 64  # of words that one file may give

    def __post_init__(self) -> None:
        between("parse.max_pixels", self.max_pixels, 1, 10**10)
        between("parse.draft_px", self.draft_px, 260, 100_000)
        between("parse.max_bytes", self.max_bytes, 1, 10**12)
        between("parse.max_video_bytes", self.max_video_bytes, 1, 10**13)
        between("parse.max_frames", self.max_frames, 1, 1_000)
        between("parse.max_pages", self.max_pages, 1, 100_000)
        between("parse.max_members", self.max_members, 1, 10**7)
        between("parse.max_unpacked_bytes", self.max_unpacked_bytes, 1, 10**13)
        between("parse.max_chars", self.max_chars, 1, 10**9)
        between("parse.chunk_chars", self.chunk_chars, 80, 100_000)
        between("parse.code_chars", self.code_chars, 80, 100_000)
        between("parse.workers", self.workers, 1, 256)
        between("parse.worker_memory_mb", self.worker_memory_mb, 64, 10**6)
        between("parse.worker_seconds", self.worker_seconds, 0.1, 86_400)
        between("parse.worker_file_seconds", self.worker_file_seconds, 0.1, 10**6)
        between("parse.worker_output_mb", self.worker_output_mb, 1, 10_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class LibraryConfig:
    """What happens to a library beside searching it."""

    read_text: bool = True  # look for text in pictures, in a second pass, when they can be searched already
    describe: bool = True  # say in a sentence what a photo shows, in the same pass
    forget_gone: bool = False  # files that are gone from an indexed folder leave the library as well
    most_watched: int = 8  # folders watched at once
    undo_s: float = 600.0  # how long what was taken out can be put back
    backup_every_h: float = 0.0  # hours between two backups that are made by themselves; 0 makes none
    backups_kept: int = 7  # of those that were made by themselves; the oldest go once a new one was restored as a trial
    watch_poll: bool = False  # look at watched folders again and again: for network drives that send no notice

    def __post_init__(self) -> None:
        between("library.most_watched", self.most_watched, 0, 64)
        between("library.undo_s", self.undo_s, 0, 30 * 86_400)
        between("library.backup_every_h", self.backup_every_h, 0, 366 * 24)
        between("library.backups_kept", self.backups_kept, 1, 1_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class SeeConfig:
    """What counts as a region."""

    max_parts: int = 12  # regions besides the whole picture
    max_labels: int = 8  # labels of one picture
    min_label: float = 0.6  # probability a word needs to be stated that is known by its text only
    min_learned: float = 0.55  # the same for words that were learned from photos
    min_tag: float = 0.3  # the same for what the classifier of the tower names, which errs less
    min_box: float = 0.5  # the same of what lies in a box
    prior: float = 0.03  # share of photos that show a word of the vocabulary; words are calibrated for one half
    beams: int = 20  # sentences that are followed at once when a photo is described
    glance: bool = True  # the language model looks too, where that is packaged
    detector: bool = True  # boxes around things; without it photos are taken in faster
    tiled_px: int = 1200  # longer side from which the detector looks at tiles too, at five times the cost; 0 is never

    def __post_init__(self) -> None:
        between("see.beams", self.beams, 1, 100)
        between("see.max_parts", self.max_parts, 0, 64)
        between("see.max_labels", self.max_labels, 0, 100)
        between("see.min_label", self.min_label, 0, 1)
        between("see.min_learned", self.min_learned, 0, 1)
        between("see.min_tag", self.min_tag, 0, 1)
        between("see.min_box", self.min_box, 0, 1)
        between("see.prior", self.prior, 0.0001, 0.9999)
        between("see.tiled_px", self.tiled_px, 0, 100_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class RagConfig:
    """How a question is answered."""

    num_regions: int = 6  # regions retrieved per question
    min_certainty: float = 0.0  # certainty from which a search counts as found; 0 is what was fitted for the space
    min_score: float = 0.15  # cosine below which nothing counts as found
    min_presence: float = 0.6  # probability above which a thing counts as there
    prior: float = 0.1  # share of a library's photos that show a thing; presence is calibrated for one half
    sure: float = 0.8  # probability from which an answer does without "probably"
    max_question_chars: int = 4_000  # a longer question is refused
    max_code_chars: int = 20_000  # the same of a question about code: a traceback is long
    max_pictures: int = 8  # a question that brings more is refused
    history_turns: int = 4  # earlier turns the prompt carries
    reranker: str = ""  # orders found passages: a reranker or text encoder by folder or hub name; empty is our order
    code_reranker: str = ""  # the same of found code: an encoder of code or of texts, or a reranker

    def __post_init__(self) -> None:
        between("rag.num_regions", self.num_regions, 1, 64)
        between("rag.min_certainty", self.min_certainty, 0, 1)
        between("rag.min_score", self.min_score, -1, 1)
        between("rag.min_presence", self.min_presence, 0, 1)
        between("rag.prior", self.prior, 0.0001, 0.9999)
        between("rag.sure", self.sure, 0, 1)
        between("rag.max_question_chars", self.max_question_chars, 1, 1_000_000)
        between("rag.max_code_chars", self.max_code_chars, 1, 1_000_000)
        between("rag.max_pictures", self.max_pictures, 1, 64)
        between("rag.history_turns", self.history_turns, 0, 100)


@dataclass(frozen=True, kw_only=True, slots=True)
class LMConfig:
    """Which language model phrases the answer."""

    name: str = OUR_LM  # or BASE_LM; "none" lets the program speak; any causal model by folder, GGUF file or hub name
    url: str = ""  # an OpenAI-compatible server, e.g. http://127.0.0.1:8000/v1; empty is the local model. Several, with
    # commas between them, share the requests; http://box:8000/v1#NAME is one that calls its model otherwise
    bits: str = "auto"  # of our model's weights: "fp4" or "int8" from the file that quantize made, or by the machine
    vlm: str = ""  # a model that looks at pictures, by folder or hub name, in the place of `name`; empty is none
    phrasing: str = "auto"  # one claim at a time: "claims"; it reads the evidence and speaks: "free"; not: "none"
    sees: bool = False  # the server's model looks at pictures: they are sent along
    api_key_env: str = "OPENAI_API_KEY"  # environment variable that holds the server's key, if it wants one
    api_key_for: str = ""  # addresses that the key may go to, with spaces between them; empty is OpenAI's own
    threads: int = 1  # CPU threads of a local model; 0 is all cores: only large models on an idle machine gain by it
    max_tokens: int = 96  # of one answer
    memory_tokens: int = 0  # of all answers under way, prompts included, that have room; 0 is twice the longest
    timeout_s: float = 60.0  # for a server's next word

    def __post_init__(self) -> None:
        between("lm.threads", self.threads, 0, 1024)
        between("lm.max_tokens", self.max_tokens, 1, 8192)
        between("lm.memory_tokens", self.memory_tokens, 0, 10**7)
        between("lm.timeout_s", self.timeout_s, 0.1, 3600)
        for address in self.api_key_for.split():
            if not is_web_address(address) or "@" in address:
                raise ConfigError(f"lm.api_key_for={address} must be an address such as https://api.openai.com")
        if self.phrasing not in ("auto", "claims", "free", "none"):
            raise ConfigError(f"lm.phrasing={self.phrasing} must be auto, claims, free or none")
        if self.bits not in ("auto", "int8", "fp4"):
            raise ConfigError(f"lm.bits={self.bits} must be auto, int8 or fp4")
        if self.bits != "auto" and not (self.trained_here and self.name == OUR_LM):
            raise ConfigError(f"lm.bits={self.bits} is made for lm.name={OUR_LM} alone. Leave it at auto with others")
        if self.vlm and self.url:
            raise ConfigError(f"lm.vlm={self.vlm} and lm.url each name a model. Leave one empty: --vlm '' or --llm ''")

    @property
    def trained_here(self) -> bool:
        """Whether it learned our prompts."""
        return self.name in (OUR_LM, EDGE_LM) and not self.url and not self.vlm

    @property
    def is_larger(self) -> bool:
        """Whether it is another model than those that come along: a server's, or one by folder, file or hub name."""
        return bool(self.url or self.vlm) or self.name not in (*PACKAGED_LMS, EDGE_LM, "none")

    @property
    def phrasing_now(self) -> str:
        """ "none", "claims" or "free": the packaged model is too small to read evidence, others are trusted to."""
        if self.name == "none" and not self.vlm:
            return "none"
        if self.phrasing != "auto":
            return self.phrasing
        return "claims" if self.name in (*PACKAGED_LMS, EDGE_LM) and not self.url and not self.vlm else "free"


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeConfig:
    """How this machine computes; `python -m deepseek_mm plan` tells what was chosen."""

    dial: str = "balanced"  # or "fast", "best": speed against quality
    engine: str = "auto"  # what computes the towers: the fastest that was measured, or one by name

    def __post_init__(self) -> None:
        if self.dial not in ("fast", "balanced", "best"):
            raise ConfigError(f"runtime.dial={self.dial} must be fast, balanced or best")


CONTACT = re.compile(r"mailto:[^\s@]+@[^\s@]+|https://\S+|tel:\+[0-9-]+")  # of RFC 9116


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeConfig:
    """Where the page and the API are served, how much at a time, and for whom."""

    host: str = "127.0.0.1"  # address that is listened at
    port: int = 7860  # 0 is any that is free
    keys: str = "auto"  # who needs one: "always" everybody; "auto" everybody, unless only this machine is listened to
    hosts: str = ""  # further names that this server is called by, with commas between them
    workers: int = 16  # tasks under way at once
    queue: int = 64  # interactive tasks that may wait; those beyond are sent away
    bulk_queue: int = 1_000  # the same of tasks that nobody sits waiting for
    at_once: int = 32  # requests that are answered while their caller waits; those beyond are sent away
    batch_wait_ms: float = 4.0  # how long a request waits for others to share a pass with
    max_body_bytes: int = 200_000_000  # of one request
    connections: int = 500  # that may be open at once; beyond, idle ones are closed, or new ones sent away
    connections_per_address: int = 200  # the same of one address, unless it is one of `proxies`
    proxies: str = ""  # addresses and networks, with commas between, of proxies that are believed who is behind them
    patience_s: float = 20.0  # between two looks at a connection: one that stands still meanwhile is cut
    fetch_urls: bool = False  # whether pictures may be named by address
    fetch_bytes: int = 20_000_000  # of one such picture
    fetch_s: float = 10.0  # that fetching one may take
    log_content: bool = False  # whether the log may hold questions and answers
    log_bytes: int = 10_000_000  # of one file of the log
    log_files: int = 5  # full files of the log that are kept beside the one that is written
    login_s: float = 43_200.0  # how long a login lasts, used or not
    roots: str = ""  # folders, with colons between them, of which callers with a key may name files
    tls_cert: str = ""  # file of the certificate in PEM, and those of its authorities: https is spoken, and no http
    tls_key: str = ""  # file of its key in PEM, for this user alone
    security_contact: str = ""  # mailto: or https: address for who finds a hole, as /.well-known/security.txt tells it

    def __post_init__(self) -> None:
        between("serve.port", self.port, 0, 65535)
        between("serve.workers", self.workers, 1, 256)
        between("serve.queue", self.queue, 1, 100_000)
        between("serve.bulk_queue", self.bulk_queue, 1, 1_000_000)
        between("serve.at_once", self.at_once, 1, 10_000)
        between("serve.batch_wait_ms", self.batch_wait_ms, 0, 1_000)
        between("serve.max_body_bytes", self.max_body_bytes, 1_000, 10**12)
        between("serve.connections", self.connections, 1, 100_000)
        between("serve.connections_per_address", self.connections_per_address, 1, 100_000)
        between("serve.patience_s", self.patience_s, 0.05, 3_600)
        between("serve.fetch_bytes", self.fetch_bytes, 1, 10**10)
        between("serve.fetch_s", self.fetch_s, 0.1, 600)
        between("serve.log_bytes", self.log_bytes, 10_000, 10**12)
        between("serve.log_files", self.log_files, 0, 1_000)
        between("serve.login_s", self.login_s, 60, 365 * 86_400)
        read_networks("serve.proxies", self.proxies)
        if self.keys not in ("auto", "always"):
            raise ConfigError(f"serve.keys={self.keys} must be auto or always")
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ConfigError("serve.tls_cert and serve.tls_key go together. Name both files, or none")
        if self.security_contact and not CONTACT.fullmatch(self.security_contact):
            raise ConfigError(f"serve.security_contact={self.security_contact!r} must be like mailto:me@example.org")


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxConfig:
    """What a program that is run at somebody's wish may do; `deepseek_mm.sandbox`."""

    run: str = "auto"  # who may run one: "auto" this machine's people, if it listens to them alone; "on" keys; "off"
    weak: bool = False  # run one also where this machine lacks a protection
    seconds: float = 10.0  # that it may take
    test_seconds: float = 60.0  # that the tests of a repository may take together
    memory_mb: int = 1000  # of all its processes together
    disk_mb: int = 64  # of all its files together
    processes: int = 32  # at once, threads included
    open_files: int = 64  # of each process
    at_once: int = 2  # programs that run side by side; those beyond are sent away
    output_bytes: int = 200_000  # of what it prints, and as many of errors; it ends there

    def __post_init__(self) -> None:
        between("sandbox.seconds", self.seconds, 0.1, 3_600)
        between("sandbox.test_seconds", self.test_seconds, 0.1, 3_600)
        between("sandbox.memory_mb", self.memory_mb, 32, 10**6)
        between("sandbox.disk_mb", self.disk_mb, 1, 10**5)
        between("sandbox.processes", self.processes, 1, 10_000)
        between("sandbox.open_files", self.open_files, 16, 10_000)
        between("sandbox.at_once", self.at_once, 1, 256)
        between("sandbox.output_bytes", self.output_bytes, 1, 10**8)
        if self.run not in ("auto", "on", "off"):
            raise ConfigError(f"sandbox.run={self.run} must be auto, on or off")


@dataclass(frozen=True, kw_only=True, slots=True)
class EditsConfig:
    """How long a larger model may work on a change to code that somebody wants; `answering.code_edits`."""

    steps: int = 12  # tools that it may use
    seconds: float = 600.0  # that it may take until it has a change
    tokens: int = 200_000  # that it may read and write in all
    max_tokens: int = 2_048  # of one reply
    context_tokens: int = 4_000  # of code that it is shown before it begins
    at_once: int = 2  # changes that are worked on side by side; those beyond are sent away
    kept: int = 50  # changes of one person that are kept with what undoes them; the oldest go

    def __post_init__(self) -> None:
        between("edits.steps", self.steps, 1, 200)
        between("edits.seconds", self.seconds, 1, 86_400)
        between("edits.tokens", self.tokens, 1_000, 10**8)
        between("edits.max_tokens", self.max_tokens, 64, 100_000)
        between("edits.context_tokens", self.context_tokens, 0, 10**6)
        between("edits.at_once", self.at_once, 1, 256)
        between("edits.kept", self.kept, 1, 10_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningConfig:
    """How the reader learns from corrections, and when a version is refused; `deepseek_mm.learning`."""

    fewest: int = 4  # corrections that a training needs
    held_out: int = 4  # one correction of so many is not learned but asked before and after
    remembered: int = 500  # accepted corrections that are replayed: a random sample where there are more
    steps: int = 100  # of a training
    rate: float = 1e-3  # learning rate
    hold: float = 3000.0  # how stiffly weights that the built-in questions need are held
    again: float = 3.0  # what a replayed example counts beside a new one
    tolerated: float = 0.015  # share of the built-in questions that may be lost
    tolerated_near: float = 0.05  # the same of those most like the corrections, and of corrections accepted earlier
    most_strange: float = 0.4  # share of the right answers given that may have seemed as good as ruled out

    def __post_init__(self) -> None:
        between("learning.fewest", self.fewest, 1, 10_000)
        between("learning.held_out", self.held_out, 2, 1_000)
        between("learning.remembered", self.remembered, 1, 100_000)
        between("learning.steps", self.steps, 1, 100_000)
        between("learning.rate", self.rate, 0, 1)
        between("learning.hold", self.hold, 0, 10**9)
        between("learning.again", self.again, 0, 1_000)
        between("learning.tolerated", self.tolerated, 0, 1)
        between("learning.tolerated_near", self.tolerated_near, 0, 1)
        between("learning.most_strange", self.most_strange, 0, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class HubConfig:
    """How models are downloaded from a hub, which is asked for nothing before somebody has started a download."""

    allowed: bool = False  # whether a hub may be asked; the first download that somebody starts sets it
    offer: bool = True  # whether the page offers a better model above its first question; "Not now" there ends it
    connect_s: float = 10.0  # how long reaching it may take
    silence_s: float = 30.0  # a connection that brings nothing for so long is made anew
    retries: int = 8  # attempts in a row that bring nothing, until a download gives up and can be resumed
    backoff_s: float = 1.0  # before the second attempt; twice as long before each further one
    longest_wait_s: float = 300.0  # before any attempt; a hub that asks for more patience is left alone
    spare_mb: int = 500  # of the disk that stay free

    def __post_init__(self) -> None:
        between("hub.connect_s", self.connect_s, 0.1, 600)
        between("hub.silence_s", self.silence_s, 0.1, 3_600)
        between("hub.retries", self.retries, 0, 1_000)
        between("hub.backoff_s", self.backoff_s, 0, 600)
        between("hub.longest_wait_s", self.longest_wait_s, 0, 86_400)
        between("hub.spare_mb", self.spare_mb, 0, 1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class PeopleConfig:
    """How people are told apart by their faces, once somebody has switched that on."""

    enabled: bool = False  # whether faces are read: vectors of them are kept in this library and nowhere else
    same_person: float = 0.48  # mean distance of faces up to which they are one person's; a lower one joins fewer
    least_px: int = 32  # side of the smallest face that is read, of a photo whose long side is 1,600 at most

    def __post_init__(self) -> None:
        between("people.same_person", self.same_person, 0.1, 1.0)
        between("people.least_px", self.least_px, 16, 1_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountsConfig:
    """Whether the house has several people, each with an account."""

    mode: str = "auto"  # "people": everybody logs in, on this machine too; "auto": whoever comes from elsewhere
    quota_asks_a_day: int = 0  # questions that a person who is no owner may ask a day; 0: any number
    quota_upload_mb: int = 0  # megabytes that they may upload a day; 0: any number

    def __post_init__(self) -> None:
        between("accounts.quota_asks_a_day", self.quota_asks_a_day, 0, 1_000_000)
        between("accounts.quota_upload_mb", self.quota_upload_mb, 0, 1_000_000)
        if self.mode not in ("auto", "people"):
            raise ConfigError(f"accounts.mode={self.mode} must be auto or people")


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenIdConfig:
    """Logging in by an OpenID Connect provider; only where people have accounts."""

    issuer: str = ""  # address of the provider, as it calls itself; empty: nobody logs in by one
    client_id: str = ""  # what this server is called there
    name: str = ""  # what the button of the login page calls it; empty: its host
    secret_env: str = "DEEPSEEK_MM_OIDC_SECRET"  # environment variable that holds the client's secret, if it has one
    secret_file: str = ""  # file that holds it instead, which others may not read
    emails: str = ""  # verified addresses whose people get an account when they first come, with commas between
    domains: str = ""  # or the domains of such addresses
    role: str = "guest"  # that they get: guest or member
    timeout_s: float = 10.0  # until a provider that does not answer is given up, in seconds

    def __post_init__(self) -> None:
        between("oidc.timeout_s", self.timeout_s, 0.1, 60)
        if self.role not in ("guest", "member"):
            raise ConfigError(f"oidc.role={self.role} must be guest or member: owners are made by owners")
        if self.issuer and not self.client_id:
            raise ConfigError("oidc.client_id is empty. Register this server at the provider, and set what it says")


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """The whole run."""

    data: Path = Path("library")  # the folder that holds the index, the history and the uploads
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    parse: ParseConfig = field(default_factory=ParseConfig)
    library: LibraryConfig = field(default_factory=LibraryConfig)
    see: SeeConfig = field(default_factory=SeeConfig)
    rag: RagConfig = field(default_factory=RagConfig)
    lm: LMConfig = field(default_factory=LMConfig)
    runtime: RuntimeConfig = field(default_factory=RuntimeConfig)
    serve: ServeConfig = field(default_factory=ServeConfig)
    sandbox: SandboxConfig = field(default_factory=SandboxConfig)
    edits: EditsConfig = field(default_factory=EditsConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    hub: HubConfig = field(default_factory=HubConfig)
    people: PeopleConfig = field(default_factory=PeopleConfig)
    accounts: AccountsConfig = field(default_factory=AccountsConfig)
    oidc: OpenIdConfig = field(default_factory=OpenIdConfig)
    storage: StorageConfig = field(default_factory=StorageConfig)
