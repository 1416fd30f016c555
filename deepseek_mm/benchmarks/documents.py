"""`bench documents`: how fast a long PDF becomes searchable, and how long a question over many such waits.

The PDF is made here: pages of documents of the kinds that people have, from the shapes that the reader was taught on.
It goes in as any file does. Others of its size are put beside it through the store alone, with other words and with its
vectors a little turned, since their reading would take the same time again. Questions are those of the pages; each is
asked through the assistant, without a language model, and the first one goes ahead unmeasured.
"""

import statistics
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from textwrap import wrap

import numpy as np

from deepseek_mm.assistant import Assistant
from deepseek_mm.benchmarks.results import BenchResult, BenchSetting, TableLine
from deepseek_mm.embeddings.space import unit
from deepseek_mm.errors import BadFile
from deepseek_mm.factory import load
from deepseek_mm.jobs import follow
from deepseek_mm.parse.document import INDEX
from deepseek_mm.terminal import run_jobs
from deepseek_mm.training.reading.documents import make_documents
from deepseek_mm.training.reading.examples import ReadingExample
from deepseek_mm.types import Question
from index import Filter

WIDTH_PT, HEIGHT_PT = 595, 842  # A4
MARGIN_PT, LEADING_PT, SIZE_PT = 50, 13, 10
LINE = 95  # letters
TURNED = 0.3  # length of what is added to a vector of a book that is put beside
ASKED = 24  # questions


def measure_documents(setting: BenchSetting) -> BenchResult:
    """Seconds until a long PDF is searchable, and those of a question over many."""
    made = make_documents("en", setting.sizes.book_pages * 8, Random("bench documents"))
    pages = fill_pages(made, setting.sizes.book_pages)
    file = setting.folder / "book.pdf"
    write_pdf(file, pages)
    config = replace(setting.config, data=setting.folder / "library", lm=replace(setting.config.lm, name="none"))
    with load(config, progress=setting.note) as assistant:
        setting.note(f"reading {len(pages)} pages")
        started = time.perf_counter()
        with run_jobs(assistant.library):
            (job,) = deque(follow(assistant.library.jobs, assistant.library.add([file]).id), maxlen=1)
        if job.num_failed or job.state != "done":
            raise BadFile(f"{file} was not read: {job.message}. See why with: {INDEX} {file}")
        reading_s = time.perf_counter() - started
        setting.note(f"putting {setting.sizes.books - 1} books beside it")
        add_books(assistant, setting.sizes.books - 1)
        asked = [each.question for each in made if each.is_said][:: max(1, len(made) // (2 * ASKED))][: ASKED + 1]
        seconds = [time_question(assistant, question) for question in asked][1:]
        regions = assistant.store.counts().regions
    median_s = statistics.median(seconds)
    lines = (
        TableLine(f"{len(pages)} pages searchable", f"{reading_s:.1f} s", bar="60 s (aim 30)"),
        TableLine(
            f"a question over {setting.sizes.books} such",
            f"{median_s:.2f} s",
            beside=f"the slowest of {len(seconds)}: {max(seconds):.2f} s, {regions:,} regions",
            bar="0.8 s (aim 0.4)",
        ),
    )
    numbers = {"pdf_s": reading_s, "question_s": median_s, "slowest_s": max(seconds), "regions": regions}
    return BenchResult(lines=lines, numbers=numbers)


def fill_pages(made: Sequence[ReadingExample], count: int) -> list[str]:
    """Texts of so many pages, a document each; again from the first where there are too few."""
    texts = list(dict.fromkeys(each.passage for each in made))
    return [texts[n % len(texts)] for n in range(count)]


def write_pdf(file: Path, pages: Sequence[str]) -> None:
    """A PDF with a text layer and one of its own fonts; what Latin-1 lacks is left out."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for text in pages:
        drawn = draw_page(text)
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (WIDTH_PT, HEIGHT_PT, len(objects))
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
    out, places = bytearray(b"%PDF-1.4\n"), list[int]()
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, out.rindex(b"xref\n0 "))
    file.write_bytes(bytes(out))


def draw_page(text: str) -> bytes:
    """The operators that write its lines, long ones wrapped."""
    lines = [part for line in text.splitlines() for part in wrap(line, LINE) or [""]]
    shown = lines[: (HEIGHT_PT - 2 * MARGIN_PT) // LEADING_PT]
    drawn = [line.encode("latin-1", "ignore").translate(None, b"\\()") for line in shown]
    begin = b"BT /F1 %d Tf %d TL %d %d Td\n" % (SIZE_PT, LEADING_PT, MARGIN_PT, HEIGHT_PT - MARGIN_PT)
    return begin + b"".join(b"(%s) Tj T*\n" % line for line in drawn) + b"ET"


def add_books(assistant: Assistant, count: int) -> None:
    """So many more of the size of the one that is there."""
    store, random = assistant.store, np.random.default_rng(0)
    (source,) = store.sources(Filter(source_kinds=("document",)), limit=1)
    regions = store.regions_of([source.id])[source.id]
    vectors_ND = store.vectors_of([region.id for region in regions])
    words = sorted({word for region in regions for word in region.text.split()})
    chance = Random("books")
    for number in range(count):
        book = replace(source, id=0, path=f"/books/{number}.pdf", digest=f"{number:064}")
        turned_ND = unit(vectors_ND + TURNED * unit(random.standard_normal(vectors_ND.shape).astype(np.float32)))
        other = [replace(r, id=0, source=book, text=swap_words(r.text, words, chance)) for r in regions]
        store.add(book, other, turned_ND)


def swap_words(text: str, words: Sequence[str], chance: Random) -> str:
    """With a third of its words exchanged for others of the book."""
    return " ".join(chance.choice(words) if chance.random() < 1 / 3 else word for word in text.split(" "))


def time_question(assistant: Assistant, question: str) -> float:
    """Seconds until the answer is there."""
    started = time.perf_counter()
    assistant.ask(Question(text=question))
    return time.perf_counter() - started
