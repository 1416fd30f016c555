"""Other servers of this program embed texts and code: real ones on this machine, over small painted libraries."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from api_house import served
from fakes import ColourSpace
from model_servers import wait_until
from openai_house import listening
from serve_help import As
from test_balancer import Clock
from test_cli_doctor import settings_at

from deepseek_mm.accounts.permissions import LOCAL
from deepseek_mm.api.remote_server import keep_key, parse_address
from deepseek_mm.balancer import Balancer
from deepseek_mm.cli import doctor
from deepseek_mm.config import Config, EncoderConfig
from deepseek_mm.embeddings.default import PackagedSpace
from deepseek_mm.embeddings.encoder_boxes import BoxLimits, EncoderBoxes, look_at_due, open_box, open_boxes
from deepseek_mm.embeddings.space import SpaceIdentity, list_encoders
from deepseek_mm.errors import ConfigError
from deepseek_mm.factory import join_encoders

COLOURS = ColourSpace()


class PaintedSpace(PackagedSpace):
    """A packaged space whose towers are those of the painted one; counts what it reads here."""

    name, fingerprint, dim = COLOURS.name, COLOURS.fingerprint, COLOURS.dim
    code_fingerprint, languages_fingerprint = COLOURS.code_fingerprint, ""

    def __init__(self):
        self.read: list[str] = []
        self.languages, self.code = SimpleNamespace(is_installed=False), SimpleNamespace(read=self.read_code)

    def embed_english(self, texts):
        self.read += texts
        return COLOURS.embed_texts(texts)

    def read_code(self, codes, *, asks):
        return self.embed_english(codes)

    def look_many(self, images):
        return COLOURS.look_many(images)


class Door:
    """Lets everybody in, and keeps the headers and bodies that came; shut, it answers 503."""

    def __init__(self, app):
        self.app, self.keys, self.sent, self.shut = As(app, LOCAL), [], 0, False

    async def __call__(self, scope, receive, send):
        self.sent += scope["path"] == "/embed"
        self.keys += [value.decode() for name, value in scope["headers"] if name == b"authorization"]
        if self.shut:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self.app(scope, receive, send)


@contextmanager
def box(folder, **numbers):
    """A server that embeds: its door, its assistant and its address."""
    with served(folder, begin=False, **numbers) as (api, _):
        door = Door(api.app)
        with listening(door) as url:
            yield SimpleNamespace(door=door, api=api, assistant=api.assistant, url=url)


@pytest.fixture(scope="module")
def boxes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boxes")
    with box(folder / "one") as one, box(folder / "two") as two:
        yield one, two


@pytest.fixture
def pair(boxes):
    """Two that work, and have not been asked yet."""
    for each in boxes:
        each.door.keys, each.door.sent, each.door.shut = [], 0, False
        each.assistant.retriever.space = COLOURS
    return boxes


def join(space, *urls, clock=None, limits=None, **keys):
    limits, identity = limits or BoxLimits(), SpaceIdentity.of(space)
    boxes = [open_box(url, keys.get("keys", {}), identity, limits) for url in urls]
    balancer = Balancer(urls, clock=clock or Clock(), chance=lambda: 0.0)
    space.pool = EncoderBoxes(boxes, balancer=balancer, limits=limits)
    return space.pool


def test_texts_and_code_are_embedded_elsewhere_to_the_same_vectors_and_nothing_here(pair):
    space = PaintedSpace()
    join(space, pair[0].url)
    np.testing.assert_array_equal(
        space.embed_texts(["a red kite", "noise"]), COLOURS.embed_texts(["a red kite", "noise"])
    )
    np.testing.assert_array_equal(space.embed_code(["def red(): ..."]), COLOURS.embed_code(["def red(): ..."]))
    assert (space.read, pair[0].door.sent) == ([], 2)
    assert space.embed_texts([]).shape == (0, COLOURS.dim)
    assert [each.served for each in list_encoders(space)] == [2]


def test_a_long_list_is_shared_by_all_boxes_and_comes_back_in_order(pair):
    space, texts = PaintedSpace(), [f"{colour} number {n}" for n in range(20) for colour in ("red", "blue", "odd")]
    join(space, *(each.url for each in pair), limits=BoxLimits(items=4))
    np.testing.assert_array_equal(space.embed_texts(texts), COLOURS.embed_texts(texts))
    assert min(each.door.sent for each in pair) > 0
    assert sum(each.door.sent for each in pair) == 15


def test_where_no_box_answers_this_machine_embeds_and_a_box_that_is_back_is_asked_again(pair):
    space, clock = PaintedSpace(), Clock()
    pool = join(space, pair[0].url, clock=clock)
    pair[0].door.shut = True
    for _ in range(3):
        np.testing.assert_array_equal(space.embed_texts(["red"]), COLOURS.embed_texts(["red"]))
    assert (space.read, pair[0].door.sent) == (["red"] * 3, 3)
    space.embed_texts(["red"])
    assert pair[0].door.sent == 3  # it is left alone
    assert "answers 503" in list_encoders(space)[0].reason
    pair[0].door.shut = False
    clock.now += 1
    look_at_due(pool.balancer, pool.boxes, 5)
    space.embed_texts(["blue"])
    assert space.read == ["red"] * 4
    assert [each.standing for each in list_encoders(space)] == ["up"]


def test_a_box_that_fails_passes_its_part_to_another(pair):
    space = PaintedSpace()
    join(space, *(each.url for each in pair))
    pair[0].door.shut = True
    np.testing.assert_array_equal(space.embed_texts(["red"]), COLOURS.embed_texts(["red"]))
    assert (space.read, pair[1].door.sent) == ([], 1)


def test_a_box_of_another_space_is_refused_at_a_start_and_left_out_later(pair):
    space = PaintedSpace()
    space.fingerprint = "f" * 64
    with pytest.raises(ConfigError, match=r"embeds in another space \(colours .* than this library \(colours ffffffff"):
        open_boxes(space, {}, [pair[0].url])
    space.languages_fingerprint, space.fingerprint = "another dictionary", COLOURS.fingerprint
    with pytest.raises(ConfigError, match="Run the same version there"):
        open_boxes(space, {}, [pair[0].url])
    pool = join(space, pair[0].url, pair[1].url)
    np.testing.assert_array_equal(space.embed_texts(["red"]), COLOURS.embed_texts(["red"]))
    assert space.read == ["red"]
    look_at_due(pool.balancer, pool.boxes, 5)
    assert [each.standing for each in list_encoders(space)] == ["down", "down"]


def test_a_box_that_is_away_at_a_start_may_come_and_a_space_that_cannot_share_is_refused(pair):
    assert not open_boxes(PaintedSpace(), {}, [pair[0].url]).balancer.is_down
    with box_gone(pair[0]) as url:
        pool = open_boxes(PaintedSpace(), {}, [url])
    assert pool.balancer.is_down
    with pytest.raises(ConfigError, match="encoder.url is for the packaged spaces, and colours is none"):
        open_boxes(COLOURS, {}, [pair[0].url])


@contextmanager
def box_gone(one):
    one.door.shut = True
    yield one.url
    one.door.shut = False


def test_texts_of_several_callers_share_one_pass_at_the_box(pair, monkeypatch):
    here, passes, first, goes_on = ColourSpace(), [], threading.Event(), threading.Event()
    pair[0].assistant.retriever.space = here

    def embed(texts):
        passes.append(sorted(texts))
        first.set()
        goes_on.wait(10)
        return COLOURS.embed_texts(texts)

    monkeypatch.setattr(here, "embed_texts", embed, raising=False)
    spaces = [PaintedSpace() for _ in range(5)]
    for space in spaces:
        join(space, pair[0].url)
    with ThreadPoolExecutor(5) as callers:
        said = [callers.submit(spaces[0].embed_texts, ["red 0"])]
        assert first.wait(10)  # a pass is under way; what comes meanwhile waits together
        said += [callers.submit(space.embed_texts, [f"red {n}"]) for n, space in enumerate(spaces[1:], start=1)]
        queue = pair[0].api.services.answers.engine._batches._waiting["text"]
        wait_until(lambda: len(queue) == 4)
        goes_on.set()
        for each in said:
            np.testing.assert_array_equal(each.result(), COLOURS.embed_texts(["red"]))
    assert passes == [["red 0"], ["red 1", "red 2", "red 3", "red 4"]]


def test_machines_that_name_each_other_do_not_pass_a_text_to_and_fro(pair):
    there, space = PaintedSpace(), PaintedSpace()
    pair[0].assistant.retriever.space = there
    join(there, pair[0].url)  # itself, which is the shortest way round
    join(space, pair[0].url)
    np.testing.assert_array_equal(space.embed_texts(["red"]), COLOURS.embed_texts(["red"]))
    assert (there.read, pair[0].door.sent) == (["red"], 1)


def test_a_key_goes_to_the_box_that_it_is_kept_for_alone(pair):
    space = PaintedSpace()
    join(space, *(each.url for each in pair), keys={pair[1].url: "dsmm_secret"})
    for _ in range(2):
        space.embed_texts(["red"])
    assert [each.door.keys for each in pair] == [[], ["Bearer dsmm_secret"]]


def test_a_text_is_sent_as_far_as_a_box_takes_it(pair):
    space = PaintedSpace()
    join(space, pair[0].url)
    assert space.embed_texts(["red " * 20_000]).shape == (1, COLOURS.dim)
    assert space.read == []


@pytest.mark.parametrize("address", ["box:7860", "http://me:key@box:7860", "http://box:7860/v1", "ftp://box"])
def test_what_is_no_address_of_a_box_is_refused(address):
    with pytest.raises(ConfigError, match="must be an address without a path, such as http://box:7860"):
        EncoderConfig(url=f"http://first:7860/, {address}")


def test_health_metrics_and_doctor_tell_of_boxes(pair, tmp_path):
    space = PaintedSpace()
    join(space, pair[0].url)
    with served(tmp_path / "asks", begin=False) as (api, client):
        api.assistant.retriever.space = space
        space.embed_texts(["red"])
        (told,) = client.get("/health").json()["encoders"]
        assert (told["standing"], told["served"], told["failed"]) == ("up", 1, 0)
        assert (
            f'deepseek_mm_encoder_ended_total{{how="served",server="{pair[0].url}"}} 1.0' in client.get("/metrics").text
        )
    address = f'encoder.url = "{pair[0].url}"'
    (well,) = doctor.encoders(settings_at(tmp_path / "library", address))
    assert (well.state, "colours" in well.detail) == ("ok", True)
    pair[0].door.shut = True
    (away,) = doctor.encoders(settings_at(tmp_path / "library", address))
    assert (away.state, "answers 503" in away.detail) == ("warn", True)


def test_a_start_joins_the_boxes_of_its_settings_with_the_keys_of_this_user(pair, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    keep_key(parse_address(pair[1].url), "dsmm_kept", os.environ)
    space, said = PaintedSpace(), []
    urls = f"{pair[0].url}/, {pair[1].url}"
    join_encoders(space, Config(encoder=EncoderConfig(url=urls)), say=said.append)
    assert (space.pool.balancer.states()[0].name, len(said)) == (pair[0].url, 1)
    assert [each.door.keys for each in pair] == [[], ["Bearer dsmm_kept"]]
    space.pool.balancer.close()
    alone = PaintedSpace()
    join_encoders(alone, Config(), say=said.append)
    assert (alone.pool, len(said)) == (None, 1)
