"""The text tower against transformers' own output, pooled by hand."""

import pytest
import torch
import torch.nn.functional as F
from transformers import AutoModel, AutoTokenizer

from deepseek_mm.embeddings.towers import LAYERS, WIDTH, in_order_of_length, load_text_tower, text_tower_folder
from deepseek_mm.errors import MissingWeights


@pytest.fixture(scope="module")
def tower():
    return load_text_tower(text_tower_folder())


def test_pooling_is_the_mean_over_the_tokens_of_each_text_alone(tower):
    folder = text_tower_folder()
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    texts = ["a dog", "a much longer text about a dog that runs along a beach"]
    with torch.inference_mode():
        outputs = [model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True) for text in texts]
        together = tower(texts)
    assert together.shape == (2, len(LAYERS), WIDTH)
    for place, layer in enumerate(LAYERS):
        alone = torch.cat([output.hidden_states[layer].mean(dim=1) for output in outputs])
        torch.testing.assert_close(together[:, place], alone, atol=1e-4, rtol=1e-4)
    last = torch.cat([output.last_hidden_state.mean(dim=1) for output in outputs])
    torch.testing.assert_close(together[:, -1], last, atol=1e-4, rtol=1e-4)


def test_texts_of_like_meaning_are_closer_than_others(tower):
    with torch.inference_mode():
        puppy, dog, invoice = F.normalize(tower(["a small puppy", "a little dog", "an unpaid invoice"])[:, -1], dim=-1)
    assert puppy @ dog > 0.5 > puppy @ invoice


def test_a_text_longer_than_the_tower_reads_is_cut_and_not_refused(tower):
    with torch.inference_mode():
        assert tower(["word " * 5000]).isfinite().all()


def test_sorting_by_length_can_be_undone():
    texts = ["ccc", "a", "", "bb"]
    ordered, back = in_order_of_length(texts)
    assert ordered == ["", "a", "bb", "ccc"]
    assert [ordered[n] for n in back] == texts


def test_a_folder_without_weights_names_the_next_step(tmp_path):
    with pytest.raises(MissingWeights, match="Make them with: make setup"):
        load_text_tower(tmp_path)
