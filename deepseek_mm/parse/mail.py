"""An e-mail: who wrote what to whom and when, then what is attached, also to a mail that is attached itself.

Every passage says in its symbol which part it comes from: kind "mail" or "attachment", the subject or the file's name,
and in `signature` whose mail it is and of which day. What is not read of it is told in the note.

Messages: RFC 5322; their parts: RFC 2045 to 2049 and 2231; read by Python's `email`.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime

from deepseek_mm.config import ParseConfig
from deepseek_mm.errors import BadFile
from deepseek_mm.parse.formats import BY_NAME, Contents, File, Format, Piece, format_of
from deepseek_mm.parse.markup import page_text, text_of
from deepseek_mm.parse.text import find_encoding, letters, passages
from index import Symbol

Reader = Callable[[File, ParseConfig], Contents]
BREAK = "\n\n"  # between blocks
NO_SUBJECT = "(no subject)"
HEADERS = ("From", "To", "Cc", "Date", "Subject")
TOLD = ("From", "To", "Cc", "Date")  # above the words of a mail
TROUBLE = (ValueError, LookupError, AttributeError, TypeError, OverflowError, AssertionError)
ENDINGS = {"text/plain": ".txt", "text/html": ".html", "text/csv": ".csv", "application/pdf": ".pdf"}  # of no name
WORDS = re.compile(r"text/(?:plain|html)|multipart/.+")  # kinds of what may be a mail's words, or what is left of them
SPACES = re.compile(r"[ \t\u00a0]+")
LOCKED = ("application/pkcs7-mime", "application/x-pkcs7-mime")
SEALS = (  # parts that say nothing to a reader
    "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
    "application/pgp-encrypted",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class MailLimits:
    """How much of one mail is read."""

    parts: int = 200  # attachments and mails inside
    depth: int = 5  # mails inside one another
    listed: int = 8  # parts that are not read, named in the note


@dataclass(kw_only=True, slots=True)
class MailParts:
    """What was read of a mail so far."""

    path: str
    pieces: list[Piece] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)  # a name and why, of each part that is not read
    chars: int = 0
    seen: int = 0  # parts


@dataclass(frozen=True, kw_only=True, slots=True)
class MailReader:
    """Reads one kind of message; attachments by what reads files of their kind."""

    readers: Mapping[str, Reader]  # by the name of the format; what has none is not read
    limits: MailLimits = MailLimits()

    def __call__(self, file: File, config: ParseConfig) -> Contents:
        """The mail's text, then its attachments. BadFile for what is no mail, or says nothing."""
        message = message_from_bytes(file.data, policy=policy.compat32)
        if not any(read_header(message, name) for name in HEADERS):
            raise BadFile(f"{file.path} is no e-mail: it names no sender, date or subject. Give it its right ending")
        parts = MailParts(path=file.path)
        self._read_mail(message, parts, config, depth=1)
        if not parts.pieces:
            raise BadFile(f"{file.path} holds no text{tell_unread(parts, self.limits, '; ')}. Save what is attached")
        note = tell_unread(parts, self.limits, "")
        cut = f"Only the first {config.max_chars:,} of its letters are read (parse.max_chars)."
        notes = (f"{note}." if note else "", cut if parts.chars > config.max_chars else "")
        return Contents(pieces=iter(parts.pieces), note=" ".join(filter(None, notes)))

    def _read_mail(self, message: Message, parts: MailParts, config: ParseConfig, *, depth: int) -> None:
        """A mail's words, then what is attached to it."""
        told = describe_mail(message)
        body, attached = split_parts(message)
        text = write_mail(message, told.name, "" if body is None else read_body(body))
        self._add(passages(text, config, numbered=False), told, parts, config)
        for part in attached:
            parts.seen += 1
            if parts.seen > self.limits.parts:
                parts.unread.append(f"further parts (a mail may have {self.limits.parts})")
                return
            if part.get_content_type() != "message/rfc822":
                self._read_attachment(part, told, parts, config, depth=depth)
            elif depth >= self.limits.depth:
                parts.unread.append(f"a mail inside {depth} others")
            else:
                for inner in inner_parts(part):
                    self._read_mail(inner, parts, config, depth=depth + 1)

    def _read_attachment(
        self, part: Message, told: Symbol, parts: MailParts, config: ParseConfig, *, depth: int
    ) -> None:
        """One attached file, if files of its kind are read."""
        data, name = payload_of(part), name_of(part)
        form = format_of(data, name)
        if form is not None and form.name == "eml" and depth < self.limits.depth:
            self._read_mail(message_from_bytes(data, policy=policy.compat32), parts, config, depth=depth + 1)
            return
        reader = None if form is None else self.readers.get(form.name)
        if not data or form is None or reader is None:
            why = "encrypted" if part.get_content_type() in LOCKED else why_unread(data, form)
            parts.unread.append(f"{name} ({why})")
            return
        file = File(path=name, data=data, digest="", size_bytes=len(data), modified_ns=0, format=form)
        symbol = replace(told, name=name, parent=told.name, kind="attachment")
        try:
            contents = reader(file, config)
            self._add(contents.pieces, symbol, parts, config)
            parts.unread += [f"{name} ({contents.note.rstrip('.')})"] if contents.note else []
        except BadFile as error:
            parts.unread.append(f"{name} ({str(error).removeprefix(name).strip().rstrip('.')})")

    def _add(self, pieces: Iterator[Piece], symbol: Symbol, parts: MailParts, config: ParseConfig) -> None:
        """Pieces of one part, as far as the mail may have more letters; pictures of pages are passed over."""
        for piece in pieces:
            parts.chars += len(piece.text)
            if parts.chars > config.max_chars:
                return
            if piece.text.strip():
                parts.pieces.append(Piece(kind="text", text=piece.text, page=piece.page, symbol=symbol))


def describe_mail(message: Message) -> Symbol:
    """The mail as a quotation names it: its subject, and whose it is and of which day."""
    names = [name or address for name, address in addresses(message, "From")]
    when = date_of(message)
    said = [", ".join(names[:2]) or "an unknown sender", f"{when.day} {when:%B %Y}" if when else ""]
    return Symbol(
        name=read_header(message, "Subject") or NO_SUBJECT, kind="mail", signature=", ".join(filter(None, said))
    )


def write_mail(message: Message, subject: str, body: str) -> str:
    """The mail as it is read: the subject as its heading, who wrote it to whom and when, then its words."""
    rows = [(name, tell_header(message, name)) for name in TOLD]
    head = "\n".join(f"{name}: {value}" for name, value in rows if value)
    return BREAK.join(filter(None, (f"# {subject}", head, body.strip())))


def tell_header(message: Message, name: str) -> str:
    """A header as it is told: people by name and address, a date with its weekday."""
    if name != "Date":
        return ", ".join(f"{who} <{at}>" if who and at else who or at for who, at in addresses(message, name))
    when = date_of(message)
    return f"{when:%A}, {when.day} {when:%B %Y}, {when:%H:%M}" if when else read_header(message, "Date")


def addresses(message: Message, name: str) -> list[tuple[str, str]]:
    """Names and addresses in a header; a name may be missing."""
    raw = [str(value) for value in message.get_all(name, [])]
    try:
        found = [(decode_words(who), at) for who, at in getaddresses(raw)]
    except TROUBLE:
        found = []
    plain = decode_words(" ".join(raw))
    return [pair for pair in found if any(pair)] or ([(plain, "")] if plain else [])


def date_of(message: Message) -> datetime | None:
    """When it was sent, by its sender's clock; None where no date can be read."""
    try:
        return parsedate_to_datetime(str(message.get("Date", "")))
    except TROUBLE:
        return None


def read_header(message: Message, name: str) -> str:
    """A header on one line; "" where there is none."""
    return decode_words(str(message.get(name, "")))


def decode_words(raw: str) -> str:
    """Encoded words as letters, as far as that can be done; on one line."""
    try:
        text = str(make_header(decode_header(raw)))
    except TROUBLE:
        text = raw
    plain = text.encode("utf-8", "replace").decode("utf-8", "replace")
    return " ".join("".join(each if each.isprintable() else " " for each in plain).split())


def split_parts(message: Message) -> tuple[Message | None, list[Message]]:
    """The part that holds the mail's words, and what is attached, in order."""
    texts: list[Message] = []
    attached: list[Message] = []
    waiting = deque([message])
    while waiting:
        part = waiting.popleft()
        kind, inside = part.get_content_type(), inner_parts(part)
        if kind == "message/rfc822":
            attached.append(part)
        elif inside:
            waiting.extendleft(reversed(choose_version(inside) if kind == "multipart/alternative" else inside))
        elif WORDS.fullmatch(kind) and not is_file(part) and not texts:
            texts.append(part)
        elif kind not in SEALS and not part.is_multipart():
            attached.append(part)
    return (texts[0] if texts else None), attached


def inner_parts(part: Message) -> list[Message]:
    """The parts that a part consists of; none of one that is a whole."""
    inside = part.get_payload()
    return [each for each in inside if isinstance(each, Message)] if isinstance(inside, list) else []


def choose_version(versions: list[Message]) -> list[Message]:
    """Of the same words in several forms plain text if it says anything, else the web page."""
    plain = [each for each in versions if each.get_content_type() == "text/plain" and payload_of(each).strip()]
    return plain[:1] or versions[-1:]


def is_file(part: Message) -> bool:
    """Whether the part is a file that was attached, and not words of the mail."""
    return part.get_content_disposition() == "attachment" or bool(part.get_filename())


def read_body(part: Message) -> str:
    """The words of a mail; of a web page what a reader sees."""
    data = payload_of(part)
    if part.get_content_type() == "text/html":
        return text_of(page_text(data, name="the mail")) if data.strip() else ""
    lines = (SPACES.sub(" ", line).strip() for line in decode_body(part, data).splitlines())
    return re.sub(r"\n{3,}", BREAK, "\n".join(lines))


def decode_body(part: Message, data: bytes) -> str:
    """Bytes in the encoding that the mail names, or else in the one that they look like."""
    try:
        return data.decode(find_encoding(part.get_content_charset() or "utf-8")).replace("\0", "")
    except (LookupError, UnicodeError):
        return letters(data, name="the mail") if data.strip() else ""


def payload_of(part: Message) -> bytes:
    """The bytes of a part; none where they cannot be decoded."""
    try:
        data = part.get_payload(decode=True)
    except TROUBLE:
        return b""
    return data if isinstance(data, bytes) else b""


def name_of(part: Message) -> str:
    """What an attached file is called: its last name, or one after its kind."""
    try:
        name = decode_words(part.get_filename() or "").replace("\\", "/").rpartition("/")[2]
    except TROUBLE:
        name = ""
    return name or f"attachment{ENDINGS.get(part.get_content_type(), '')}"


def why_unread(data: bytes, form: Format | None) -> str:
    """Why an attached file is not read."""
    if not data:
        return "it is empty, or its bytes are damaged"
    if form is None:
        return "no kind that is read"
    title = BY_NAME[form.name].title
    return f"{title}: save it beside the mail"


def tell_unread(parts: MailParts, limits: MailLimits, before: str) -> str:
    """Which parts are not read, and why; "" where all are."""
    if not parts.unread:
        return ""
    more = len(parts.unread) - limits.listed
    named = "; ".join(parts.unread[: limits.listed]) + (f"; {more} more" if more > 0 else "")
    return f"{before}{'not' if before else 'Not'} read of what is attached: {named}"
