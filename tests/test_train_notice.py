"""What captions and questions tell of things, and what is learned of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepseek_mm.embeddings.default import CELLS, CHANNELS
from deepseek_mm.embeddings.projection import SPACE_DIM
from deepseek_mm.train import notice as trained
from deepseek_mm.train.asking import PRESENCE, Pair
from deepseek_mm.train.bank import ASKED, Album, Bank
from deepseek_mm.train.loop import gathered
from deepseek_mm.train.maps import Maps
from deepseek_mm.train.notice import (
    BatchConfig,
    Shelf,
    half_each,
    named_in,
    noticing,
    pack,
    table_of_captions,
    table_of_questions,
    told_of,
    usual_of,
)
from deepseek_mm.train.steps import StepsConfig
from deepseek_mm.vision.tagger import MultiLabelTagger, NoticeConfig, NoticeNet, read_noticer

SMALL = NoticeConfig(width=16, heads=2, feed=16)
NAMES = ("dog", "ball", "moose")


class Space:
    fingerprint = "f" * 64


def album(*pairs):
    return Album(ASKED, Path(), tuple(f"{n}.jpg" for n in range(len(pairs))), pairs)


def test_captions_tell_what_is_there_and_by_their_silence_what_is_not():
    named = named_in([["Two dogs run.", "dogs and a ball"], ["A moose."]])
    table = table_of_captions(named, NAMES)
    assert table.tolist() == [[1, 1, -1], [0, 0, 1]]  # nobody says that there is no moose


def test_questions_tell_only_what_they_give_away():
    asked = album(
        (Pair("is there a moose?", "yes", PRESENCE), Pair("do you see any dogs?", "no", PRESENCE)),
        (Pair("is the dog brown?", "yes", "closed"),),
    )
    assert table_of_questions(told_of(asked), NAMES).tolist() == [[0, -1, 1], [-1, -1, -1]]


def test_how_usual_a_thing_is_comes_from_where_it_is_known():
    captions = torch.tensor([[1, 0, -1], [0, 0, -1], [0, 1, -1], [0, 0, -1]])
    questions = torch.tensor([[1, -1, 1], [1, -1, 0]])
    usual = usual_of([captions, questions])
    assert usual == pytest.approx(torch.logit(torch.tensor([0.25, 0.25, 0.5])))


def test_every_thing_counts_half_there_and_half_not():
    weights = half_each(torch.tensor([[1, 0], [0, 0], [0, 0], [1, 0]]))
    assert weights[:, 0].tolist() == [1, 1, 1, 1]
    assert weights[:, 1].sum() == 0  # nothing shows it, so nothing is learned of how sure one may be


def shelf(count, there, *, seed=0):
    """Photos whose maps say in one channel whether the first thing is there."""
    drawn = np.random.default_rng(seed)
    cells = drawn.normal(0, 1, (count, CELLS, CHANNELS)).astype(np.float32)
    cells[:, :, :64] += 6 * there[:, :1, None].numpy()
    bits = torch.from_numpy(cells).bfloat16().view(torch.int16).numpy()
    vectors = torch.zeros(count, 1 + CELLS, SPACE_DIM).bfloat16().view(torch.int16).numpy()
    bank = Bank(album(*((),) * count), Maps((bits,)), (vectors,))
    return Shelf(bank, there, range(count))


def test_a_run_learns_and_what_it_packs_can_be_read(tmp_path):
    there = torch.randint(0, 2, (24, 2), generator=torch.Generator().manual_seed(1))
    one, other = shelf(24, there), shelf(24, torch.where(there > 0, there, -1), seed=1)
    torch.manual_seed(0)
    net = NoticeNet(2, SMALL).train()
    steps = StepsConfig(steps=30)
    loss = gathered(noticing(net, [one, other], steps, BatchConfig(captioned=16, asked=8)))
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    lost = []
    for step in range(30):
        lost.append(loss(step)["captioned"])
        optimiser.step()
        optimiser.zero_grad()
    assert np.mean(lost[-5:]) < 0.8 * np.mean(lost[:5])
    file = tmp_path / "notice.safetensors"
    assert pack(file, MultiLabelTagger([net], ["dog", "ball"], torch.zeros(2), (1.0, 0.0)), one, Space.fingerprint) == 0
    noticed = read_noticer(Space, file).notice(*one.batch(trained.Random(0), 24)[:2])
    assert all(0 <= chance <= 1 for each in noticed for chance in each.values())
