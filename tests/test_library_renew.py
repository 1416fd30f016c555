"""What another tower read, code and texts in other languages, is read anew, and nothing else is."""

import hashlib

import numpy as np
import pytest
from fakes import ColourSpace
from library_help import House, paint

from deepseek_mm.embeddings.code import code_text
from deepseek_mm.jobs import follow
from deepseek_mm.language.detection import language_of


class Newer(ColourSpace):
    """Reads code otherwise; the rest is the same space."""

    code_fingerprint = hashlib.sha256(b"newer").hexdigest()

    def embed_code(self, codes):
        return self.embed_texts(codes)[:, ::-1]


@pytest.fixture
def folder(tmp_path):
    folder = paint(tmp_path / "photos")
    (folder / "red.py").write_text("def red(wall):\n    return wall.paint('red')\n")
    return folder


def regions(house: House) -> dict:
    found = house.store.regions_of([source.id for source in house.store.sources(limit=99)])
    return {region.id: region for regions in found.values() for region in regions}


def renewals(house: House) -> list:
    return [
        list(follow(house.library.jobs, job.id))[-1] for job in house.library.jobs.find(kinds=("renew code",), limit=9)
    ]


def test_only_code_is_read_anew_when_another_tower_reads_it_and_only_once(tmp_path, folder):
    house = House(tmp_path / "library")
    house.done(house.library.add([folder]))
    before = regions(house)
    assert renewals(house) == []  # what was just taken in is not read twice
    house.close()

    house = House(tmp_path / "library", space=Newer())
    (job,) = renewals(house)
    assert (job.state, job.message) == ("done", "the code of 1 files was read anew")
    after = regions(house)
    assert {n for n in before if before[n].kind != "code"} == {n for n in after if after[n].kind != "code"}
    told = [region for region in after.values() if region.kind == "code"]
    assert [(r.text, r.lines, r.symbol) for r in told] == [
        (r.text, r.lines, r.symbol) for r in before.values() if r.kind == "code"
    ]
    expected = house.space.embed_code([code_text(r.symbol, r.text, r.source.path) for r in told])
    np.testing.assert_allclose(house.store.vectors_of([r.id for r in told]), expected, atol=1e-6)
    house.close()

    house = House(tmp_path / "library", space=Newer())
    assert len(renewals(house)) == 1
    house.close()


def test_a_library_without_code_does_not_ask_who_reads_it(tmp_path):
    class Closed(ColourSpace):
        @property
        def code_fingerprint(self):
            raise AssertionError("nobody needs to know")

    house = House(tmp_path / "library", space=Closed())
    house.done(house.library.add([paint(tmp_path / "photos")]))
    assert renewals(house) == []
    house.close()


class Polyglot(ColourSpace):
    """Reads other languages than English otherwise."""

    languages_fingerprint = hashlib.sha256(b"polyglot").hexdigest()

    def embed_texts(self, texts):
        vectors = super().embed_texts(texts)
        other = [n for n, text in enumerate(texts) if language_of(text)]
        vectors[other] = vectors[other, ::-1]
        return vectors


def test_texts_in_other_languages_are_read_anew_once_something_reads_them_and_english_stays(tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "english.txt").write_text("The invoice is for a red kite.\n")
    (notes / "german.txt").write_text("Die Rechnung ist für einen roten Drachen.\n")
    house = House(tmp_path / "library")
    house.done(house.library.add([notes]))
    before = regions(house)
    house.close()

    house = House(tmp_path / "library", space=Polyglot())
    (job,) = renewals(house)
    assert (job.state, job.message) == ("done", "the texts of 1 files in other languages were read anew")
    after = regions(house)
    assert {r.source.path for n, r in before.items() if n in after} == {str(notes / "english.txt")}
    german = [region for region in after.values() if region.source.path.endswith("german.txt")]
    assert [r.text for r in german] == [r.text for r in before.values() if r.source.path.endswith("german.txt")]
    expected = house.space.embed_texts([region.text for region in german])
    np.testing.assert_allclose(house.store.vectors_of([r.id for r in german]), expected, atol=1e-6)
    house.close()

    house = House(tmp_path / "library", space=Polyglot())
    (notes / "french.txt").write_text("La facture est pour un avion rouge.\n")
    house.done(house.library.add([notes]))
    house.close()
    house = House(tmp_path / "library", space=Polyglot())
    assert len(renewals(house)) == 1  # what was taken in since is not read twice
    house.close()
