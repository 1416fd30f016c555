"""Tiny models that order texts: random ones of three architectures, and a cross encoder of weights set by hand."""

from pathlib import Path

import torch
from tiny_lm import tiny_tokenizer as byte_tokenizer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

MARKS = ["<s>", "<pad>", "</s>", "<unk>"]
WORDS = ["how", "much", "is", "the", "deposit", "gold", "coins", "are", "paid", "in", "advance", "garden", "query"]
WORDS += ["passage", ":", "def", "return", "json", "open"]
SIZES = {
    "vocab_size": len(MARKS) + len(WORDS),
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "initializer_range": 0.5,
    "bos_token_id": 0,
    "pad_token_id": 1,
    "eos_token_id": 2,
}


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """One token a word that is known, in small letters; pairs as RoBERTa has them."""
    words = {word: number for number, word in enumerate([*MARKS, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<pad>"
    )


def save_ranker(folder: Path, model: PreTrainedModel) -> Path:
    """A checkpoint folder, as its owner would have it; Qwen's has bytes for tokens."""
    model.save_pretrained(folder)
    (byte_tokenizer() if model.config.model_type == "qwen2" else tiny_tokenizer()).save_pretrained(folder)
    return folder


def random_cross_encoder(*, labels: int = 1) -> PreTrainedModel:
    torch.manual_seed(1)
    return BertForSequenceClassification(BertConfig(num_labels=labels, **SIZES)).eval()


def random_bert(*, head: bool = True) -> PreTrainedModel:
    torch.manual_seed(2)
    return BertModel(BertConfig(**SIZES), add_pooling_layer=head).eval()


def random_xlm_roberta() -> PreTrainedModel:
    torch.manual_seed(3)
    return XLMRobertaModel(XLMRobertaConfig(**SIZES)).eval()


def random_qwen2(*, speaks: bool = False) -> PreTrainedModel:
    torch.manual_seed(4)
    return (Qwen2ForCausalLM if speaks else Qwen2Model)(
        Qwen2Config(num_key_value_heads=2, **SIZES | {"vocab_size": 300})
    ).eval()


@torch.no_grad()
def gold_digger() -> PreTrainedModel:
    """A cross encoder that scores how many of the tokens before it are "gold".

    Every token is the first unit vector, gold the second one; attention is even, and hands on what it reads.
    """
    sizes = SIZES | {"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 1}
    model = BertForSequenceClassification(BertConfig(num_labels=1, **sizes)).eval()
    for name, weight in model.named_parameters():
        weight.fill_(1.0 if name.endswith("LayerNorm.weight") else 0.0)
    words = model.bert.embeddings.word_embeddings.weight
    words[:, 0] = 1.0
    words[len(MARKS) + WORDS.index("gold")] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    attention = model.bert.encoder.layer[0].attention
    for layer in (attention.self.value, attention.output.dense, model.bert.pooler.dense):
        layer.weight.copy_(torch.eye(4))
    model.classifier.weight[0, 1] = 1.0
    return model
