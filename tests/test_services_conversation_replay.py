"""A conversation is answered again: the same answers here, named differences elsewhere, and nothing of it stays."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from fakes import ColourSpace, Parrot
from rag_house import build
from replays import QUESTIONS, exported, house, opened, replay, talk

from deepseek_mm.config import Config
from deepseek_mm.errors import BadFile, DeepSeekMMError
from deepseek_mm.history import History
from deepseek_mm.learning import Learning
from deepseek_mm.services.conversation_replay import (
    choose_place,
    compare_models,
    is_same,
    models_then,
    open_library,
    open_room,
    settings_then,
)
from deepseek_mm.services.replay_export import list_models, name_model
from deepseek_mm.settings_file import with_values
from deepseek_mm.sharing import ExportLimits
from deepseek_mm.sharing.replay_bundle import BundledModel
from index import Filter


@pytest.fixture(scope="module")
def bundled(tmp_path_factory):
    """A bundle, and the assistant that gave its answers."""
    folder = tmp_path_factory.mktemp("bundled")
    with house(folder) as assistant:
        yield opened(exported(assistant, talk(assistant, folder))), assistant


@pytest.fixture
def empty(tmp_path):
    with build(tmp_path / "empty", lm=Parrot("It is red [1].")) as assistant:
        yield assistant


def differences(bundle, assistant):
    return compare_models(models_then(bundle.manifest, bundle.open_parcel(ExportLimits())), list_models(assistant))


@pytest.mark.parametrize("place", ["library", "bundle"])
def test_on_the_same_installation_every_answer_is_the_same(bundled, place):
    bundle, assistant = bundled
    turns = replay(assistant, bundle, place)
    assert [turn.question for turn in turns] == list(QUESTIONS)
    assert [turn.difference for turn in turns if not turn.is_same] == []
    assert [(turn.lost, turn.unheld, turn.difference.requests_differ) for turn in turns] == [((), "", False)] * 3
    assert all(turn.after.confidence == turn.before.confidence for turn in turns)
    assert all(turn.after.citations for turn in turns)


def test_a_bundle_opens_in_an_empty_library_over_its_own_files_and_leaves_nothing_there(bundled, empty):
    bundle, _ = bundled
    assert choose_place(empty, bundle, "auto") == "bundle"
    turns = replay(empty, bundle, "bundle")
    assert [turn.is_same for turn in turns] == [True, True, True]
    assert empty.store.counts().sources == 0
    assert empty.history.conversations(session="replay", limit=9) == []
    assert not list((empty.config.data / "uploads").rglob("*"))


def test_it_is_answered_over_the_library_where_that_knows_every_file(bundled):
    bundle, assistant = bundled
    assert [choose_place(assistant, bundle, over) for over in ("auto", "library", "bundle")] == [
        "library", "library", "bundle",
    ]  # fmt: skip


def test_over_a_library_that_lacks_the_photo_its_citation_and_its_words_are_gone(bundled, empty):
    bundle, _ = bundled
    first = replay(empty, bundle, "library")[0]
    assert not first.is_same
    assert first.difference.citations_removed == ("red.png",)
    assert first.difference.citations_added == ()


def test_another_language_model_is_named_and_one_that_is_missing_too(bundled, tmp_path):
    bundle, assistant = bundled
    assert differences(bundle, assistant) == []
    with build(tmp_path / "other", lm=Named("sparrow", "ab" * 32)) as other:
        (one,) = differences(bundle, other)
        assert one.role == "language model"
        assert one.sentence.endswith("is not in use here; sparrow (abababab) answers instead")
        assert one.sentence.startswith("the language model parrot (")
    here = [each for each in list_models(assistant) if each.role != "language model"]
    (gone,) = compare_models(list_models(assistant), here)
    assert gone.sentence.endswith("is not in use here; the program's own words answer instead")
    (new,) = compare_models(here, list_models(assistant))
    assert new.sentence.startswith("there was no language model then, and parrot (")


class Named(Parrot):
    """Another one."""

    def __init__(self, name: str, fingerprint: str) -> None:
        super().__init__("It is green [1].")
        self.name, self.fingerprint = name, fingerprint


def test_a_space_of_another_fingerprint_is_named_as_another_version(bundled, tmp_path):
    bundle, _ = bundled
    space = ColourSpace()
    space.fingerprint = "cd" * 32
    with build(tmp_path / "other", lm=Parrot("It is red [1]."), space=space) as other:
        (one,) = differences(bundle, other)
    assert one.sentence.startswith("the vector space colours (")
    assert one.sentence.endswith("is another version here: cdcdcdcd")


def test_models_that_a_turn_was_answered_by_count_even_where_they_were_changed_before_the_export(bundled):
    bundle, assistant = bundled
    parcel = bundle.open_parcel(ExportLimits())
    space = parcel.turns[0].fingerprint.partition("+")[0]
    older = parcel.turns[0].model_copy(
        update={"fingerprint": f"{space}+0123abcd", "settings": {"lm": {"name": "sparrow"}}}
    )
    then = models_then(bundle.manifest, parcel.model_copy(update={"turns": (older, *parcel.turns[1:])}))
    (one,) = compare_models(then, list_models(assistant))
    assert one.before == BundledModel(role="language model", name="sparrow", fingerprint="0123abcd")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("a", "ab" * 32), ("a", "ab" * 4), True),
        (("a", "ab" * 32), ("b", "ab" * 32), True),
        (("a", "ab" * 32), ("a", "cd" * 32), False),
        (("a", ""), ("a", "cd" * 32), True),
        (("a", ""), ("b", ""), False),
    ],
)
def test_a_model_is_the_same_by_its_weights_and_by_its_name_where_these_are_unknown(one, other, same):
    first, second = (BundledModel(role="x", name=name, fingerprint=known) for name, known in (one, other))
    assert (is_same(first, second), is_same(first, None)) == (same, False)


def test_a_server_s_address_and_a_folder_are_told_by_nothing_but_a_digest_and_a_name():
    told = name_model("language model", "/home/alice/models/clip", "http://alice:secret@host/v1#big")
    assert (told.name, len(told.fingerprint)) == ("clip", 64)
    assert not [word for word in ("alice", "secret", "http") if word in told.model_dump_json()]


def test_settings_of_then_hold_for_the_replay_and_those_here_stay(tmp_path):
    with house(tmp_path) as assistant:
        assistant.reconfigure(with_values(assistant.config, {"rag.history_turns": 0}))
        bundle = opened(exported(assistant, talk(assistant, tmp_path)))
        assistant.reconfigure(with_values(assistant.config, {"rag.history_turns": 4}))
        before = assistant.config
        assert [turn.is_same for turn in replay(assistant, bundle, "library")] == [True, True, True]
        assert assistant.config == before
        assert assistant.eyes.config == before.see


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"rag": {"num_regions": "six"}}, "rag.num_regions='six' cannot be set: it must be like 6"),
        ({"rag": {"num_regions": True}}, "cannot be set"),
        ({"rag": {"num_regions": 6.5}}, "cannot be set"),
        ({"rag": {"num_regions": 1_000_000}}, "must lie between 1 and 64"),
        ({"lm": {"phrasing": "shout"}}, "must be auto, claims, free or none"),
    ],
)
def test_settings_that_cannot_hold_are_told_and_those_here_hold(bundled, settings, told):
    bundle, assistant = bundled
    with open_room(assistant, bundle, "library", stop=Event(), tell=lambda *_: None) as room:
        turn = replace(room.turns[0], settings=settings)
        assert settings_then(turn, Config())[0] == Config()
        assert told in settings_then(turn, Config())[1]
        assert told in room.ask_again(turn, Event()).unheld


def test_models_and_folders_are_no_settings_that_a_bundle_may_set(bundled):
    bundle, assistant = bundled
    told = {"lm": {"name": "evil", "url": "http://evil", "max_tokens": 7}, "data": "/etc", "rag": {"reranker": "evil"}}
    with open_room(assistant, bundle, "library", stop=Event(), tell=lambda *_: None) as room:
        config, why = settings_then(replace(room.turns[0], settings=told), Config())
    assert (config, why) == (with_values(Config(), {"lm.max_tokens": 7}), "")


def test_each_question_is_asked_after_the_turns_before_it_as_they_were(bundled, monkeypatch):
    bundle, assistant = bundled
    with open_room(assistant, bundle, "library", stop=Event(), tell=lambda *_: None) as room:
        wrong = replace(room.turns[0].answer, text="Something else entirely.")
        monkeypatch.setattr(type(assistant), "stream", lambda self, question, **_: iter([wrong]))
        for turn in room.turns:
            room.ask_again(turn, Event())
        told = [room.assistant.history.turns(n, session="replay") for n in (2, 3)]  # what was branched off
    assert [[turn.answer.text for turn in turns] for turns in told] == [
        [turn.answer.text for turn in room.turns[:1]],
        [turn.answer.text for turn in room.turns[:2]],
    ]


def test_an_answer_that_fails_is_told_and_the_next_question_is_asked_all_the_same(bundled, monkeypatch):
    bundle, assistant = bundled

    def fail(self, question, **_):
        raise DeepSeekMMError("the photo is gone")

    monkeypatch.setattr(type(assistant), "stream", fail)
    turns = replay(assistant, bundle, "library")
    assert [(turn.after.state, turn.after.text, turn.is_same) for turn in turns] == [
        ("failed", "the photo is gone", False)
    ] * 3


def test_a_replay_that_is_stopped_ends_before_the_next_question(bundled):
    bundle, assistant = bundled
    stop = Event()
    with open_room(assistant, bundle, "library", stop=stop, tell=lambda *_: None) as room:
        asked = room.ask_all(stop)
        next(asked)
        stop.set()
        assert list(asked) == []


def test_a_file_that_was_too_large_changed_or_is_gone_is_named_and_not_in_the_bundle(tmp_path):
    with house(tmp_path) as assistant:
        number, photo = talk(assistant, tmp_path), tmp_path / "photos" / "red.png"
        whole = photo.read_bytes()
        photo.write_bytes(whole + b"changed")
        changed = opened(exported(assistant, number))
        photo.unlink()
        gone = opened(exported(assistant, number))
        assert [(each.name, each.why) for each in changed.manifest.left_out] == [("red.png", "changed")]
        assert [(each.name, each.why) for each in gone.manifest.left_out] == [("red.png", "gone")]
        assert (changed.files, gone.files) == ({}, {})


def test_files_that_lay_together_lie_together_again(tmp_path):
    with house(tmp_path) as assistant:
        bundle = opened(exported(assistant, talk(assistant, tmp_path)))
        assert [Path(each.member).parent.name for each in bundle.manifest.files] == ["0001"]
        assert str(tmp_path) not in bundle.manifest.model_dump_json()


def test_a_collection_that_nobody_may_have_ends_as_a_sentence(bundled, empty):
    bundle, _ = bundled
    (file,) = bundle.manifest.files
    files = (file.model_copy(update={"collection": "uploads"}),)
    evil = replace(bundle, manifest=bundle.manifest.model_copy(update={"files": files}))
    with pytest.raises(BadFile, match="no collection can be called uploads"):
        replay(empty, evil, "bundle")


def test_what_the_reader_has_learned_is_not_taken_from_it_by_the_library_that_is_made_of_the_bundle(
    bundled, tmp_path, monkeypatch
):
    """A library gives its reader the version of its own folder, and both share the reader."""
    _, assistant = bundled
    given, reader = [], object()
    monkeypatch.setattr(Learning, "use", lambda self: given.append(self.eyes.reader))
    monkeypatch.setattr(assistant.eyes, "reader", reader)
    with ExitStack() as closing:
        library = open_library(assistant, tmp_path, History(tmp_path / "history.db"), closing)
        assert given == [None]
        assert library.filling.eyes.reader is reader


def test_a_file_of_the_bundle_keeps_its_collection_and_its_age(bundled, empty):
    bundle, _ = bundled
    (file,) = bundle.manifest.files
    files = (file.model_copy(update={"collection": "holidays", "modified_ns": 1_000_000_000}),)
    moved = replace(bundle, manifest=bundle.manifest.model_copy(update={"files": files}))
    with open_room(empty, moved, "bundle", stop=Event(), tell=lambda *_: None) as room:
        (source,) = room.assistant.store.sources(where=Filter(collection="holidays"), limit=9)
        assert (source.name, source.modified_ns) == ("red.png", 1_000_000_000)
