"""The language model's eyes: boxes become vectors, vectors stand among words, and what they show can be told."""

import re

import pytest
import torch
from torch.nn import functional as F

from deepseek_mm.embeddings.default import CELLS, CHANNELS
from deepseek_mm.errors import MissingWeights
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import tiny
from deepseek_mm.vision.visual_prompt import (
    PLACE,
    GlanceConfig,
    GlanceNet,
    Script,
    VisualPrompt,
    cover_shares,
    lay,
    read,
    read_glance,
    squares,
)

SMALL = GlanceConfig(features=32, side=2)


def letters(texts):
    """A token a letter."""
    return [[ord(letter) for letter in text] for text in texts]


class Words:
    """A token a word, with the blank before it."""

    ends = frozenset([0])

    def __init__(self):
        self.known = ["end"]

    def encode_many(self, texts):
        parts = [re.findall(r" ?[\w.?:]+|\s", text) for text in texts]
        self.known += [part for part in dict.fromkeys(sum(parts, [])) if part not in self.known]
        return [[self.known.index(part) for part in some] for some in parts]

    def decode(self, tokens):
        return "".join(self.known[token] for token in tokens)


@pytest.fixture
def parts():
    torch.manual_seed(0)
    decoder = Decoder(tiny())
    return decoder, GlanceNet(decoder.shape.width, SMALL, word_length=float(decoder.embedding.weight.detach().std()))


def test_a_box_is_the_mean_of_the_cells_that_it_covers():
    half, dot = [0.0, 0.0, 1.0, 5 / 9], [0.5, 0.5, 0.5, 0.5]
    share_1RP = cover_shares(torch.tensor([[[0.0, 0.0, 1.0, 1.0], half, dot, [1.0, 1.0, 1.0, 1.0]]]))
    assert torch.allclose(share_1RP.sum(-1), torch.ones(1, 4))
    assert torch.allclose(share_1RP[0, 0], torch.full((CELLS,), 1 / CELLS))
    assert torch.allclose(share_1RP[0, 1, :45], torch.full((45,), 1 / 45), atol=1e-5)
    assert share_1RP[0, 2, 40] == pytest.approx(1)  # the middle cell of nine by nine
    assert share_1RP[0, 3, 80] == pytest.approx(1)


def test_squares_divide_a_picture_row_by_row():
    assert squares(2).tolist() == [[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]]


def test_equal_cells_at_other_places_are_other_vectors(parts):
    vectors_BRD = parts[1].whole(torch.ones(1, CELLS, CHANNELS))
    assert vectors_BRD.shape == (1, 4, 64)
    assert not torch.allclose(vectors_BRD[0, 0], vectors_BRD[0, 3])


def test_only_answers_are_to_be_said_and_long_ones_count_by_their_root():
    script = Script(letters).show(2, "[1]").ask("a?", "no")
    said = [chr(number) for number, count in zip(script.ids, script.counts, strict=True) if count]
    assert said == [" ", "n", "o", "\n"]
    assert set(script.counts) == {0.0, 0.5}
    assert script.ids[:6] == [*map(ord, "[1]"), PLACE, PLACE, ord("\n")]


def test_vectors_stand_in_their_places_in_order_and_padding_is_not_seen(parts):
    decoder, _ = parts
    scripts = [Script(letters).show(2).ask("is it?"), Script(letters).show(1).ask("or?")]
    vectors_RD = torch.randn(3, 64)
    hidden_NTD = read(decoder, lay(scripts), vectors_RD)
    ids_1T = torch.tensor([scripts[1].ids])
    x_1TD = decoder.embed(ids_1T.clamp_min(0))
    x_1TD[0, 0] = vectors_RD[2]
    alone_1TD, _ = decoder(x_1TD, FullTextAttention(decoder.shape, torch.ones_like(ids_1T)))
    assert torch.allclose(hidden_NTD[1, : len(scripts[1].ids)], alone_1TD[0], atol=1e-5)


def test_what_pictures_show_can_be_learned(parts):
    decoder, net = parts
    cells_BPC = torch.randn(2, CELLS, CHANNELS, generator=torch.Generator().manual_seed(1))
    words = Words()
    scripts = [Script(words.encode_many).show(4).ask("dog?", answer) for answer in ("yes", "no")]
    laid = lay(scripts)
    optimiser = torch.optim.Adam([*decoder.parameters(), *net.parameters()], lr=3e-3)
    for _ in range(60):
        hidden_NTD = read(decoder, laid, net.whole(cells_BPC).flatten(0, 1))
        at = laid.counts_NT[:, 1:] > 0
        loss = F.cross_entropy(decoder.logits(hidden_NTD[:, :-1][at]), laid.ids_NT[:, 1:][at])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    glance = VisualPrompt(decoder, net, words)
    options = [("yes", "no"), ("yes", "no"), ()]
    no, yes, nothing = glance.weigh(["Dog?"] * 3, torch.tensor([1, 0, 0]), cells_BPC, options)
    assert yes["yes"] > 0.9
    assert no["no"] > 0.9
    assert sum(yes.values()) == pytest.approx(1)
    assert nothing == {}


def test_without_weights_it_says_how_they_are_made(tmp_path):
    with pytest.raises(MissingWeights, match="train see"):
        read_glance(None, tmp_path, tmp_path / "glance.safetensors")
