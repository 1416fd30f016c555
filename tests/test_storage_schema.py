"""Columns: what goes in comes out again, whatever SQLite makes of it in between."""

import os
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from deepseek_mm.storage.schema import COLUMNS


class Base(DeclarativeBase):
    type_annotation_map = COLUMNS


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str | None]
    at: Mapped[datetime | None]


@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path / 'notes.db'}")
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


def round_trip(engine, **values) -> Note:
    with Session(engine) as session, session.begin():
        session.add(Note(**values))
    with Session(engine) as session:
        return session.scalars(select(Note)).one()


def test_a_moment_of_any_zone_comes_back_as_the_same_moment_in_utc(engine):
    at = datetime(2026, 3, 29, 2, 30, 1, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    kept = round_trip(engine, at=at).at
    assert kept == at
    assert kept.tzinfo is UTC


@pytest.mark.parametrize("text", ["", "snow \u2603", "zero \x00 byte", os.fsdecode(b"caf\xe9.jpg")])
def test_any_text_comes_back_even_a_file_name_that_is_no_utf8(engine, text):
    assert round_trip(engine, text=text).text == text


def test_nothing_comes_back_as_nothing(engine):
    note = round_trip(engine)
    assert (note.text, note.at) == (None, None)
