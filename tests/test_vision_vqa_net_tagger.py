"""What is noticed in a picture: shapes, the file, and that each thing can be learned where it lies."""

from types import SimpleNamespace

import pytest
import torch

from deepseek_mm.errors import MissingWeights
from deepseek_mm.vision.vqa_net import (
    MultiLabelTagger,
    NoticeConfig,
    NoticeNet,
    TaggerHeader,
    read_noticer,
    write_noticer,
)

SMALL = NoticeConfig(channels=8, cells=4, space=6, width=16, heads=2, feed=16, dropout=0.0)
SPACE = SimpleNamespace(fingerprint="f" * 64)
USUAL, CURVE = [0.5, -1.0], (0.8, 0.1)


def pictures(count, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    return torch.randn(count, 4, 8, generator=drawn), torch.randn(count, 6, generator=drawn) / 20


def test_the_file_gives_back_what_was_written(tmp_path):
    net, file = NoticeNet(2, SMALL), tmp_path / "notice.safetensors"
    told = TaggerHeader(names=["cup", "dog"], usual=USUAL, curve=CURVE, config=SMALL, fingerprint=SPACE.fingerprint)
    write_noticer(file, [net.state_dict()], told)
    before = MultiLabelTagger([net], ["cup", "dog"], torch.tensor(USUAL), CURVE).notice(*pictures(3))
    after = read_noticer(SPACE, file).notice(*pictures(3))
    for one, other in zip(before, after, strict=True):
        assert one == pytest.approx(other, abs=0.02)  # kept as int8
        assert list(one) == ["cup", "dog"]


def test_weights_of_another_space_are_refused(tmp_path):
    file = tmp_path / "notice.safetensors"
    told = TaggerHeader(names=["cup"], usual=[0.0], curve=CURVE, config=SMALL, fingerprint="another")
    write_noticer(file, [NoticeNet(1, SMALL).state_dict()], told)
    for missing in (file, tmp_path / "nothing"):
        with pytest.raises(MissingWeights):
            read_noticer(SPACE, missing)


def test_a_thing_as_usual_as_ever_is_there_as_often_as_not():
    net = NoticeNet(2, SMALL)
    with torch.no_grad():
        net.weight.zero_()
        net.bias.copy_(torch.tensor(USUAL))
    (noticed,) = MultiLabelTagger([net], ["cup", "dog"], torch.tensor(USUAL), (1.0, 0.0)).notice(*pictures(1))
    assert noticed == pytest.approx({"cup": 0.5, "dog": 0.5})


def test_things_in_one_cell_are_learned_wherever_it_lies():
    torch.manual_seed(0)
    net = NoticeNet(2, SMALL)
    marks = torch.eye(8)[:2] * 6
    steps = torch.optim.Adam(net.parameters(), lr=3e-3)

    def made(seed):
        cells, vectors = pictures(64, seed)
        drawn = torch.Generator().manual_seed(seed)
        there = torch.randint(0, 2, (64, 2), generator=drawn)
        for thing in range(2):
            place = torch.randint(0, 4, (64,), generator=drawn)
            cells[torch.arange(64), place] += marks[thing] * there[:, thing, None]
        return cells, vectors, there.float()

    for seed in range(150):
        cells, vectors, there = made(seed)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(cells, vectors), there)
        loss.backward()
        steps.step()
        steps.zero_grad()
    cells, vectors, there = made(10_000)
    assert ((net(cells, vectors) > 0) == (there > 0)).float().mean() > 0.9


def test_of_several_nets_the_mean_counts():
    nets = [NoticeNet(1, SMALL) for _ in range(2)]
    for net, bias in zip(nets, (1.0, -3.0), strict=True):
        with torch.no_grad():
            net.weight.zero_()
            net.bias.fill_(bias)
    over = MultiLabelTagger(nets, ["cup"], torch.tensor([0.5]), (1.0, 0.0)).over(*pictures(1))
    assert over == pytest.approx(torch.tensor([[-1.5]]))
