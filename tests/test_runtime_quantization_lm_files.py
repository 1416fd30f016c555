"""The student of the language model on the disk and in memory, on the tiny decoder."""

import json

import pytest
import torch

from deepseek_mm.config import EDGE_LM, LMConfig
from deepseek_mm.errors import BadCheckpoint, ConfigError, MissingWeights
from deepseek_mm.lm.attention_backend import FullTextAttention
from deepseek_mm.lm.backends.own_model import ModelCheckpoint
from deepseek_mm.lm.decoder import Decoder
from deepseek_mm.lm.generator import silence
from deepseek_mm.lm.model_folders import EDGE_FOLDER, find_folder
from deepseek_mm.lm.shape import tiny
from deepseek_mm.runtime.quantization.lm_files import STUDENT_FILE, open_student, write_student

SHAPE = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 512, "hidden_size": 64,
    "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 160,
    "rms_norm_eps": 1e-5, "rope_theta": 10_000.0, "max_position_embeddings": 2048, "tie_word_embeddings": True,
    "hidden_act": "silu",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(SHAPE))
    return tmp_path


def test_a_student_that_was_written_in_four_bits_speaks_nearly_as_before(folder):
    torch.manual_seed(0)
    decoder = Decoder(tiny())
    file = write_student(folder, decoder)
    assert file.stat().st_size < 0.7 * sum(p.numel() for p in decoder.parameters())
    opened, known_by = open_student(ModelCheckpoint(folder=folder, name=EDGE_LM))
    ids_BT = torch.tensor([[5, 300, 17, 44]])
    with torch.inference_mode():
        right, got = (
            d.logits(d(d.embed(ids_BT), FullTextAttention(tiny(), torch.ones_like(ids_BT)))[0]).float()
            for d in (decoder, opened)
        )
    assert (right - got).norm() / right.norm() < 0.25
    assert len(known_by) == 64
    assert opened.head.weight is opened.embedding.weight


def test_a_student_that_is_absent_or_torn_is_refused_with_what_helps(folder):
    checkpoint = ModelCheckpoint(folder=folder, name=EDGE_LM)
    with pytest.raises(MissingWeights, match="train distill"):
        open_student(checkpoint)
    (folder / STUDENT_FILE).write_bytes(b"no tensors")
    with pytest.raises(BadCheckpoint, match="copy or fetch it again"):
        open_student(checkpoint)


def test_the_students_name_leads_to_its_folder_and_its_bits_are_not_to_be_chosen(tmp_path):
    assert find_folder(EDGE_LM, cache=tmp_path, progress=silence) == EDGE_FOLDER
    with pytest.raises(ConfigError, match="Leave it at auto"):
        LMConfig(name=EDGE_LM, bits="fp4")
