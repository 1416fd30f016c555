"""A number hidden in filler is found by who can copy, as far back as it remembers."""

import json
import math

import pytest
import torch
from PIL import Image
from tiny_lm import save_tiny
from torch.nn import functional as F

from deepseek_mm.errors import ConfigError
from deepseek_mm.evaluation.needle import (
    NEEDLE,
    QUESTION,
    Haystack,
    NeedleReport,
    NeedleResult,
    evaluate_needle,
    hide_needle,
    seek_needle,
)
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.shape import DecoderShape
from deepseek_mm.lm.tokenizer import read_tokenizer

SHAPE = DecoderShape(
    vocab_size=300, num_layers=1, width=8, num_heads=1, num_kv_heads=1, head_width=8, ffn_width=8, rope_base=1e4,
    norm_eps=1e-5, context=4096,
)  # fmt: skip


class Copier(Decoder):
    """Goes on as the text went on when its last three tokens stood there before, if that was at most `back` ago."""

    def __init__(self, back: int = 10_000) -> None:
        super().__init__(SHAPE)
        self.back, self.seen = back, []

    def embed(self, ids_BT):
        return ids_BT[..., None].float()

    def forward(self, x_BTD, attend):
        if attend.positions_BT[0, 0] == 0:
            self.seen = []
        said = []
        for token in x_BTD[0, :, 0].long().tolist():
            self.seen.append(token)
            said.append(self.guess())
        return torch.tensor(said)[None, :, None], []

    def logits(self, hidden):
        return 20.0 * F.one_hot(hidden[..., 0].long(), 300)

    def guess(self) -> int:
        last, seen = self.seen[-3:], self.seen
        ends = range(len(seen) - 1, max(3, len(seen) - self.back), -1)
        return next((seen[end] for end in ends if seen[end - 3 : end] == last), 0)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return read_tokenizer(save_tiny(tmp_path_factory.mktemp("tiny")))


@pytest.mark.parametrize("depth", [0.0, 0.5, 1.0])
def test_a_prompt_is_as_long_as_asked_for_and_hides_its_number_at_its_depth(tokenizer, depth):
    haystack = hide_needle(tokenizer, length=900, depth=depth)
    text, number = tokenizer.decode(haystack.prompt), tokenizer.decode(haystack.answer)
    assert 800 < len(haystack.prompt) + len(haystack.answer) <= 900
    assert [each for each in "0123456789" if each in text.replace(number, "")] == []
    hay = text[text.index("<|im_start|>user\n") + 17 : text.index(QUESTION)].strip()
    needle = f"{NEEDLE} {number}."
    assert hay.index(needle) / (len(hay) - len(needle)) == pytest.approx(depth, abs=0.1)


def test_the_prompt_is_a_chat_whose_answer_has_been_begun(tokenizer):
    text = tokenizer.decode(hide_needle(tokenizer, length=400, depth=0.5).prompt)
    assert text.endswith(f"{QUESTION}<|im_end|>\n<|im_start|>assistant\n{NEEDLE} ")


def test_the_same_numbers_hide_the_same_needle_and_others_another(tokenizer):
    assert hide_needle(tokenizer, length=400, depth=0.5) == hide_needle(tokenizer, length=400, depth=0.5)
    assert len({hide_needle(tokenizer, length=400, depth=depth).answer for depth in (0.0, 0.25, 0.5, 0.75)}) == 4


def test_a_text_in_which_the_question_has_no_room_is_refused(tokenizer):
    with pytest.raises(ConfigError, match="more than 50"):
        hide_needle(tokenizer, length=50, depth=0.5)


def test_a_model_that_copies_finds_the_needle_and_is_sure_of_it(tokenizer):
    exact, log_probability = seek_needle(Copier(), hide_needle(tokenizer, length=600, depth=0.25))
    assert exact
    assert log_probability == pytest.approx(0.0, abs=1e-5)


def test_a_number_that_is_wrong_in_its_last_digit_is_not_found(tokenizer):
    haystack = hide_needle(tokenizer, length=600, depth=0.25)
    other = Haystack(prompt=haystack.prompt, answer=(*haystack.answer[:-1], haystack.answer[-1] + 1))
    assert not seek_needle(Copier(), other)[0]


def test_a_model_that_remembers_little_finds_only_what_was_hidden_late(tokenizer):
    models = {"long": Copier(), "short": Copier(250)}
    report = evaluate_needle(models, tokenizer, lengths=(300, 900), depths=(0.0, 1.0))
    assert [each.exact for each in report.of("long", 300) + report.of("long", 900)] == [True] * 4
    assert [each.exact for each in report.of("short", 900)] == [False, True]


def test_a_model_that_knows_nothing_gives_every_token_the_same_chance(tokenizer):
    torch.manual_seed(0)
    flat = Decoder(SHAPE)
    torch.nn.init.zeros_(flat.embedding.weight)
    exact, log_probability = seek_needle(flat, hide_needle(tokenizer, length=300, depth=0.5))
    assert not exact
    assert log_probability == pytest.approx(-math.log(300), rel=1e-4)


def test_the_report_tells_each_depth_and_draws_a_panel_for_each_model(tmp_path):
    cells = [(n, d) for n in (4096, 8192) for d in (0.0, 0.5, 1.0)]
    found = [
        NeedleResult(model=name, length=n, depth=d, exact=d == 1.0, log_probability=d - 2)
        for name in "ab"
        for n, d in cells
    ]
    report = NeedleReport(found=tuple(found))
    lines = report.table().splitlines()
    assert lines[0].split() == ["needle", "at", "depth", "0%", "50%", "100%", "found"]
    assert lines[1].split() == ["a", "4,096", "-2.00", "-1.50", "-1.00*", "1", "of", "3"]
    assert len(json.loads(json.dumps(report.figures()))["needles"]) == 12
    assert Image.open(report.draw(tmp_path / "needle.png")).width > 300
