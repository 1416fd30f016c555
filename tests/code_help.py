"""A tower for code that has hardly any weights and knows a few words."""

import torch
from torch import nn
from transformers import BertConfig, BertModel

from deepseek_mm.embeddings.code import CodeSide, WordTable
from deepseek_mm.embeddings.towers import WIDTH

WORDS = ("[PAD]", "add", "two", "numbers", "open", "a", "file", "def", "close", "read", "lines", "x")


class Tokens:
    """One piece a word; unknown ones are "x"."""

    def __call__(self, texts, *, max_length, **_):
        rows = [[WORDS.index(word) if word in WORDS else len(WORDS) - 1 for word in text.split()] for text in texts]
        rows = [row[:max_length] for row in rows]
        longest = max(map(len, rows))
        ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
        return {"input_ids": ids, "attention_mask": (ids > 0).long()}


class ToySide(CodeSide):
    """Has the names of CodeSide."""

    def __init__(self, seed: int = 0) -> None:
        nn.Module.__init__(self)
        torch.manual_seed(seed)
        shape = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
        config = BertConfig(vocab_size=len(WORDS), hidden_size=WIDTH, hidden_dropout_prob=0.0, **shape)
        self.model, self.tokenizer = BertModel(config, add_pooling_layer=False).eval(), Tokens()
        self.table = WordTable(len(WORDS))
        self.share = nn.Parameter(torch.tensor(0.5), requires_grad=False)
