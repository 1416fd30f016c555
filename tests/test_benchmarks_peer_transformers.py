"""transformers as a peer: the tokens it decodes are those of its own generate(), round after round."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from deepseek_mm.benchmarks.peers import Transformers, make_tokens


class Noted(LlamaForCausalLM):
    """A tiny model that writes down what it is given to read, and what was remembered by then."""

    def forward(self, input_ids, cache=None, **options):
        self.read.append((0 if cache is None else cache.get_seq_length(), input_ids[0].tolist()))
        return super().forward(input_ids, cache=cache, **options)


@pytest.fixture
def model():
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = Noted(LlamaConfig(vocab_size=512, max_position_embeddings=64, **sizes))
    model.read = []
    return model


def test_every_round_decodes_the_same_tokens_after_the_same_context(model):
    speed = Transformers(model, threads=1).decode_speed(context=10, new_tokens=4)
    truth = model.generate(torch.tensor([make_tokens(10, 512)]), max_new_tokens=4, do_sample=False, pad_token_id=0)
    decoded = [(10 + step, [int(token)]) for step, token in enumerate(truth[0, 10:14])]
    assert model.read[0] == (0, make_tokens(10, 512))
    assert [model.read[start : start + 4] for start in (1, 5, 9)] == [decoded] * 3
    assert speed > 0


def test_the_first_token_is_timed_from_nothing_known(model):
    assert Transformers(model, threads=1).first_token_s(20) > 0
    assert model.read[1:] == [(0, make_tokens(20, 512))] * 3


def test_measuring_leaves_the_number_of_threads_as_it_was(model):
    before = torch.get_num_threads()
    Transformers(model, threads=before + 1).first_token_s(9)
    assert torch.get_num_threads() == before


def test_the_settings_name_version_format_and_threads(model):
    assert "transformers 5" in Transformers(model, threads=2).settings
    assert "bfloat16, 2 threads" in Transformers(model.bfloat16(), threads=2).settings
