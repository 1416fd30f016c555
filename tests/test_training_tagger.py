"""What captions and questions tell of things, and what is learned of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepseek_mm.embeddings.default import CELLS, CHANNELS
from deepseek_mm.embeddings.heads import SPACE_DIM
from deepseek_mm.training import tagger as trained
from deepseek_mm.training.loop import StepsConfig, make_gather
from deepseek_mm.training.question_albums import ASKED, PRESENCE, AlbumFeatures, AlbumQuestion, QuestionAlbum
from deepseek_mm.training.tagger import (
    TagBatchConfig,
    TaggedAlbum,
    balance_tags,
    compute_prior_log_odds,
    list_caption_words,
    make_tag_loss,
    pack,
    read_presence_answers,
    tabulate_answers,
    tabulate_captions,
)
from deepseek_mm.vision.vqa_net import MultiLabelTagger, NoticeConfig, NoticeNet, read_noticer

SMALL = NoticeConfig(width=16, heads=2, feed=16)
NAMES = ("dog", "ball", "moose")


class Space:
    fingerprint = "f" * 64


def album(*pairs):
    return QuestionAlbum(ASKED, Path(), tuple(f"{n}.jpg" for n in range(len(pairs))), pairs)


def test_captions_tell_what_is_there_and_by_their_silence_what_is_not():
    named = list_caption_words([["Two dogs run.", "dogs and a ball"], ["A moose."]])
    table = tabulate_captions(named, NAMES)
    assert table.tolist() == [[1, 1, -1], [0, 0, 1]]  # nobody says that there is no moose


def test_questions_tell_only_what_they_give_away():
    asked = album(
        (AlbumQuestion("is there a moose?", "yes", PRESENCE), AlbumQuestion("do you see any dogs?", "no", PRESENCE)),
        (AlbumQuestion("is the dog brown?", "yes", "closed"),),
    )
    assert tabulate_answers(read_presence_answers(asked), NAMES).tolist() == [[0, -1, 1], [-1, -1, -1]]


def test_how_usual_a_thing_is_comes_from_where_it_is_known():
    captions = torch.tensor([[1, 0, -1], [0, 0, -1], [0, 1, -1], [0, 0, -1]])
    questions = torch.tensor([[1, -1, 1], [1, -1, 0]])
    usual = compute_prior_log_odds([captions, questions])
    assert usual == pytest.approx(torch.logit(torch.tensor([0.25, 0.25, 0.5])))


def test_every_thing_counts_half_there_and_half_not():
    weights = balance_tags(torch.tensor([[1, 0], [0, 0], [0, 0], [1, 0]]))
    assert weights[:, 0].tolist() == [1, 1, 1, 1]
    assert weights[:, 1].sum() == 0  # nothing shows it, so nothing is learned of how sure one may be


def shelf(count, there, *, seed=0):
    """Photos whose maps say in one channel whether the first thing is there."""
    drawn = np.random.default_rng(seed)
    cells = drawn.normal(0, 1, (count, CELLS, CHANNELS)).astype(np.float32)
    cells[:, :, :64] += 6 * there[:, :1, None].numpy()
    bits = torch.from_numpy(cells).bfloat16().view(torch.int16).numpy()
    vectors = torch.zeros(count, 1 + CELLS, SPACE_DIM).bfloat16().view(torch.int16).numpy()
    bank = AlbumFeatures(album(*((),) * count), (bits,), (vectors,))
    return TaggedAlbum(bank, there, range(count))


@pytest.mark.campaign(times=1, only=True)
def test_a_run_learns_and_what_it_packs_can_be_read(tmp_path):
    there = torch.randint(0, 2, (24, 2), generator=torch.Generator().manual_seed(1))
    one, other = shelf(24, there), shelf(24, torch.where(there > 0, there, -1), seed=1)
    torch.manual_seed(0)
    net = NoticeNet(2, SMALL).train()
    steps = StepsConfig(steps=30)
    loss = make_gather(make_tag_loss(net, [one, other], steps, TagBatchConfig(captioned=16, asked=8)))
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    lost = []
    for step in range(30):
        lost.append(loss(step)["captioned"])
        optimiser.step()
        optimiser.zero_grad()
    assert np.mean(lost[-5:]) < 0.8 * np.mean(lost[:5])
    file = tmp_path / "notice.safetensors"
    assert pack(file, MultiLabelTagger([net], ["dog", "ball"], torch.zeros(2), (1.0, 0.0)), one, Space.fingerprint) == 0
    noticed = read_noticer(Space, file).notice(*one.draw_batch(trained.Random(0), 24)[:2])
    assert all(0 <= chance <= 1 for each in noticed for chance in each.values())
