"""Documents that a question calls by words of their names."""

import pytest

from deepseek_mm.retrieval.named_documents import find_named_documents, lift_documents
from deepseek_mm.types import Evidence
from index import Region, Source

TITLES = {
    "lease-contract.pdf": "Tenancy agreement",
    "invoice-8812.pdf": "INVOICE",
    "invoice-9001.pdf": "INVOICE",
    "scan003.pdf": "\u7535\u5b50\u53d1\u7968",
    "\u79df\u623f\u5408\u540c.pdf": "\u623f\u5c4b\u79df\u8d41\u5408\u540c",
}
SOURCES = {Source(id=n, path=f"/docs/{name}", kind="document"): text for n, (name, text) in enumerate(TITLES.items())}


@pytest.mark.parametrize(
    ("question", "names", "alone"),
    [
        ("how much is the deposit in the lease?", ["lease-contract.pdf"], True),
        ("who signed the tenancy agreement", ["lease-contract.pdf"], False),
        ("what does invoice 8812 cost", ["invoice-8812.pdf"], False),
        ("how much is the deposit?", [], False),
        ("\u90a3\u5f20\u53d1\u7968\u591a\u5c11\u94b1", ["scan003.pdf"], False),
        ("\u5408\u540c\u91cc\u5199\u4e86\u4ec0\u4e48", ["\u79df\u623f\u5408\u540c.pdf"], True),
    ],
)
def test_words_that_few_documents_are_called_by_name_one(question, names, alone):
    found = find_named_documents(question, SOURCES)
    assert [source.name for source in found.sources] == names
    assert found.alone == alone


def test_passages_of_documents_that_are_meant_come_first():
    passages = [
        Evidence(
            number=n, region=Region(source=source, kind="text", box_px=(0, 0, 0, 0), text="x"), score=0.5 - n / 100
        )
        for n, source in enumerate(SOURCES)
    ]
    assert [entry.region.source.id for entry in lift_documents(passages, [3])] == [3, 0, 1, 2, 4]
