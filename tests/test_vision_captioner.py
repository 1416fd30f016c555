"""Sentences about pictures: cached equals uncached, the search keeps its rules, and weights come back."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from deepseek_mm.errors import MissingWeights
from deepseek_mm.vision.captioner import (
    END,
    PAD,
    SPECIAL,
    START,
    UNKNOWN,
    BeamConfig,
    CaptionConfig,
    Captioner,
    CaptionNet,
    best_sentences,
    mask_words,
    most_alike,
    read_captioner,
    rows_of,
    write_captioner,
)

NOWHERE = SimpleNamespace(model=None, fingerprint="here")  # a space that is never looked at
SMALL = CaptionConfig(channels=8, cells=6, width=24, heads=2, layers=2, feed=32, most=7)
WORDS = (*SPECIAL, *["a", "dog", "cat", "runs", "sits", "on", "the", "grass"])


@pytest.fixture
def net():
    torch.manual_seed(1)
    return CaptionNet(len(WORDS), SMALL).eval()


@pytest.fixture
def cells_BPC():
    return torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(2))


def test_word_by_word_equals_all_at_once(net, cells_BPC):
    words_NT, cells = torch.tensor([[START, 4, 5, 7], [START, 4, 6, 8], [START, 9, 10, 11]]), net.cells(cells_BPC)
    whole_NTV, past, parts = net(words_NT, cells), [None] * 2, []
    for at in range(words_NT.shape[1]):
        scores_N1V, past = net.step(words_NT[:, at : at + 1], cells, past)
        parts.append(scores_N1V)
    assert torch.allclose(torch.cat(parts, dim=1), whole_NTV, atol=1e-5)


def test_a_later_word_changes_nothing_before_it_and_a_cell_changes_all(net, cells_BPC):
    words_NT, cells = torch.tensor([[START, 4, 5, 7]] * 3), net.cells(cells_BPC)
    changed_NT = words_NT.clone()
    changed_NT[:, 3] = 9
    assert torch.allclose(net(words_NT, cells)[:, :3], net(changed_NT, cells)[:, :3], atol=1e-6)
    moved = cells_BPC.clone()
    moved[:, 5] = -moved[:, 5]
    assert (net(words_NT, net.cells(moved)) - net(words_NT, cells)).abs().amax(dim=(0, 2)).min() > 1e-4


def best_by_hand(net, cells_BPC, config):
    """The best sentence of one photo, every sentence looked at."""
    cells, done, sentences = net.cells(cells_BPC), [], [((START,), 0.0)]
    for length in range(net.config.most):
        grown = []
        for words, worth in sentences:
            log_1V = net(torch.tensor([words]), cells)[:, -1].log_softmax(-1)
            last_1, ended_1 = torch.tensor([words[-1]]), torch.tensor([False])
            ok_V = mask_words(log_1V, last_1, ended_1, early=length < config.fewest)[0]
            grown += [((*words, n), worth + float(ok_V[n])) for n in range(len(WORDS)) if ok_V[n] > -1e8]
        done += [pair for pair in grown if pair[0][-1] == END]
        sentences = [pair for pair in grown if pair[0][-1] != END]
    return max(done + sentences, key=lambda pair: pair[1] / (len(pair[0]) - 1) ** config.length_power)


@torch.inference_mode()
def test_a_wide_search_finds_the_best_of_all_sentences(net, cells_BPC):
    net.config, config = replace(SMALL, most=3), BeamConfig(beams=60, fewest=1)
    words, worth = best_by_hand(net, cells_BPC[:1], config)
    ((found, *_),) = best_sentences([net], cells_BPC[:1], config)
    assert found.words == tuple(word for word in words if word > UNKNOWN)
    assert found.log_probability == pytest.approx(worth, abs=1e-4)


def words_of(found):
    return [[each.words for each in own] for own in found]


def test_photos_do_not_depend_on_their_neighbours(net, cells_BPC):
    together = best_sentences([net], cells_BPC, BeamConfig())
    alone = [best_sentences([net], cells_BPC[n : n + 1], BeamConfig())[0] for n in range(3)]
    assert words_of(together) == words_of(alone)


def test_no_sentence_repeats_a_word_at_once_or_says_what_it_does_not_know(net, cells_BPC):
    for found in (each for own in best_sentences([net], cells_BPC, BeamConfig(beams=3)) for each in own):
        assert all(one != other for one, other in zip(found.words, found.words[1:], strict=False))
        assert not {PAD, START, END, UNKNOWN} & set(found.words)
        assert len(found.words) >= BeamConfig().fewest


def test_two_nets_vote(net, cells_BPC):
    torch.manual_seed(5)
    other = CaptionNet(len(WORDS), SMALL).eval()
    both = words_of(best_sentences([net, other], cells_BPC, BeamConfig()))
    assert both == words_of(best_sentences([other, net], cells_BPC, BeamConfig()))
    alone = words_of(best_sentences([net], cells_BPC, BeamConfig()))
    assert words_of(best_sentences([net, net], cells_BPC, BeamConfig())) == alone != both


def test_what_most_sentences_say_is_told_and_not_what_one_says():
    told = [
        "a dog runs on grass",
        "a cat sleeps",
        "a dog runs over the grass",
        "the dog runs on grass",
        "a ship at sea",
    ]
    assert most_alike([line.split() for line in told]) == 0
    assert most_alike([("a", "cat")]) == 0
    assert most_alike([line.split() for line in told], [0.0, 0.9, 0.0, 0.0, 0.0]) == 1


def test_the_sentence_that_is_nearest_to_the_photo_is_told_where_that_counts_most(net, cells_BPC):
    offered = []

    def near(texts, cells_PC):
        offered.extend(texts)
        return [0.0] * (len(texts) - 1) + [1.0]

    captioner = Captioner(None, [net], WORDS, compare=near, beam=BeamConfig(likeness=9.0))
    (told,) = captioner.describe_maps(cells_BPC[:1])
    assert len(offered) > 1
    assert (told.text.lower(), told.likeness) == (offered[-1], 1.0)


def test_a_search_that_is_wider_than_there_are_sentences_tells_each_once(net, cells_BPC):
    net.config = replace(SMALL, most=1)
    (found,) = best_sentences([net], cells_BPC[:1], BeamConfig(beams=50, fewest=0))
    assert 1 < len(found) < 50
    assert len({(one.words, one.log_probability) for one in found}) == len(found)


def test_rows_can_be_repeated():
    seen = (torch.arange(4.0)[:, None], torch.arange(4.0)[:, None] + 10)
    assert [part.flatten().tolist() for part in rows_of(seen, torch.tensor([2, 2, 0]))] == [[2, 2, 0], [12, 12, 10]]


def test_weights_come_back_nearly_as_they_went_and_sentences_begin_with_a_capital(net, cells_BPC, tmp_path):
    file = tmp_path / "captions.safetensors"
    write_captioner(file, net.state_dict(), WORDS, SMALL, fingerprint="here")
    read = read_captioner(NOWHERE, [file])
    for name, value in read.nets[0].state_dict().items():
        assert torch.allclose(value, net.state_dict()[name], atol=0.02), name
    with pytest.raises(MissingWeights):
        read_captioner(SimpleNamespace(model=None, fingerprint="elsewhere"), [file])
    described = list(Captioner(None, [net], WORDS).describe_maps(cells_BPC))
    assert len(described) == 3
    assert all(each.text[0].isupper() and 0 < each.chance < 1 for each in described)


def test_without_weights_the_error_says_how_to_train_them(tmp_path):
    with pytest.raises(MissingWeights, match="train caption"):
        read_captioner(NOWHERE, [tmp_path / "none.safetensors"])


def test_pictures_reach_the_tower_in_order(monkeypatch, net):
    monkeypatch.setattr(
        "deepseek_mm.vision.captioner.maps_of_many",
        lambda model, images: (torch.full((6, 8), float(image.width)) for image in images),
    )
    captioner = Captioner(None, [net], WORDS)
    pictures = [Image.new("RGB", (width, 2)) for width in (1, 5)]
    alone = [next(iter(captioner.describe_many([picture]))).text for picture in pictures]
    assert [each.text for each in captioner.describe_many(pictures)] == alone
