"""Models by name that say how well texts answer a question: cross encoders, and encoders of texts or of code.

A cross encoder reads question and text together and has one number for the two (Nogueira and Cho, "Passage Re-ranking
with BERT", arXiv:1901.04085). An encoder makes a vector of each alone; near ones have a large cosine. How its vectors
are made of the states of its tokens, and what stands before questions and texts, is what its makers trained it with.

Only safetensors are read, and no code that lies beside them is run.

Shape key:  N texts, T tokens, W width
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
import torch
from cachetools import LRUCache
from torch import Tensor
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer

from deepseek_mm.embeddings.space import Floats, VectorCache, unit
from deepseek_mm.errors import BadCheckpoint
from deepseek_mm.hub import without_revision
from deepseek_mm.lm.backends.transformers_model import UNREADABLE, read_whole
from deepseek_mm.lm.model_folders import first_line, read_json, unreadable_error
from deepseek_mm.retrieval.passages import RERANK, RerankLimits

Pooling = Literal["mean", "last", "first"]  # of which tokens' states the vector is made
DECODERS = ("gemma", "gemma2", "llama", "mistral", "phi3", "qwen2", "qwen3")  # whose last token has read all others
CLASSIFIER = "ForSequenceClassification"  # ends the name of a cross encoder's architecture
HEAD = "pooler."  # weights of some encoders that nothing here needs


@dataclass(frozen=True, kw_only=True, slots=True)
class EncoderRecipe:
    """How an encoder wants to be asked."""

    pooling: Pooling
    question: str = ""  # stands before a question
    text: str = ""  # stands before what is compared with it


E5 = EncoderRecipe(pooling="mean", question="query: ", text="passage: ")
JINA_CODE = EncoderRecipe(
    pooling="last",
    question="Find the most relevant code snippet given the following query:\n",
    text="Candidate code snippet:\n",
)
SAFE: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
RECIPES = (  # of models whose files do not say it, by the end of their name
    (re.compile(r"\be5-(?:small|base|large)(?:-v2)?$"), E5),
    (re.compile(r"\bjina-code-embeddings-[\d.]+b$"), JINA_CODE),
)
PROMPTS = "config_sentence_transformers.json", "1_Pooling/config.json"  # files that may say it
ASKS, SAYS = ("nl2code_query", "query"), ("nl2code_document", "passage", "document")  # prompts there, the better first
POOLINGS: dict[str, Pooling] = {"lasttoken": "last", "cls_token": "first", "mean_tokens": "mean"}


class CrossEncoder:
    """Reads a question and a text together."""

    def __init__(self, model: Any, tokenizer: Any, limits: RerankLimits = RERANK) -> None:
        self._model, self._tokenizer, self._limits = model, tokenizer, limits
        self._known: LRUCache[tuple[str, str], float] = LRUCache(limits.remembered)
        self._lock = Lock()  # a fast tokenizer cannot be used by two threads at once, nor can the cache

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers, as a logit; safe in many threads."""
        with self._lock:
            known = {text: score for text in texts if (score := self._known.get((question, text))) is not None}
            new = [text for text in dict.fromkeys(texts) if text not in known]
            for part in split_batches(new, self._limits.batch):
                known |= zip(part, self._read(question, part), strict=True)
            self._known.update({(question, text): known[text] for text in new})
        return [known[text] for text in texts]

    @torch.inference_mode()
    def _read(self, question: str, texts: Sequence[str]) -> list[float]:
        most = self._limits.tokens
        tokens = self._tokenizer(
            [question] * len(texts), list(texts), padding=True, truncation=True, max_length=most, return_tensors="pt"
        )
        logits_N1: Tensor = self._model(**tokens).logits
        scores: list[float] = logits_N1[:, 0].float().tolist()
        return scores


class TextEncoder:
    """Makes a vector of a question and of each text."""

    def __init__(self, model: Any, tokenizer: Any, recipe: EncoderRecipe, limits: RerankLimits = RERANK) -> None:
        self._model, self._tokenizer, self._recipe, self._limits = model, tokenizer, recipe, limits
        self._lock = Lock()  # as above
        self._vectors = VectorCache(self._read_all, model.config.hidden_size, limits.remembered)

    def score(self, question: str, texts: Sequence[str]) -> list[float]:
        """The cosine of each text with the question; safe in many threads."""
        asked, said = self._recipe.question, self._recipe.text
        vectors_NW = self._vectors.vectors([f"{asked}{question}", *(f"{said}{text}" for text in texts)])
        cosines: list[float] = (vectors_NW[1:] @ vectors_NW[0]).tolist()
        return cosines

    def _read_all(self, texts: Sequence[str]) -> Floats:
        with self._lock:
            parts = {text: row for part in split_batches(texts, self._limits.batch) for text, row in self._read(part)}
        return np.stack([parts[text] for text in texts])

    @torch.inference_mode()
    def _read(self, texts: Sequence[str]) -> Iterator[tuple[str, Floats]]:
        tokens = self._tokenizer(
            list(texts), padding=True, truncation=True, max_length=self._limits.tokens, return_tensors="pt"
        )
        states_NTW = self._model(**tokens).last_hidden_state.float()
        pooled_NW = pool_states(states_NTW, tokens["attention_mask"], self._recipe.pooling)
        return zip(texts, unit(pooled_NW.numpy()), strict=True)


def split_batches(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    """The texts in groups of so many, those of alike length together: the shorter ones are padded."""
    ordered = sorted(texts, key=len)
    yield from (ordered[at : at + size] for at in range(0, len(ordered), size))


def pool_states(states_NTW: Tensor, there_NT: Tensor, pooling: Pooling) -> Tensor:
    """(N, W) of the states of tokens that are there, which begin with the first."""
    if pooling == "first":
        return states_NTW[:, 0]
    if pooling == "last":
        return states_NTW[torch.arange(len(states_NTW)), there_NT.sum(1) - 1]
    weights_NT1 = there_NT[..., None].to(states_NTW.dtype)
    return (states_NTW * weights_NT1).sum(1) / weights_NT1.sum(1).clamp(min=1)


def open_reranker(folder: Path, *, name: str, dtype: torch.dtype) -> CrossEncoder | TextEncoder:
    """What the checkpoint in this folder is. BadCheckpoint where it cannot be read, or can put nothing in order."""
    config = read_json(folder / "config.json")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="right", **SAFE)
        opened = open_kind(folder, tokenizer, config, name=name, dtype=dtype)
        scores = opened.score("which one?", ["this one", "another one"])  # some fail only when they are asked
    except BadCheckpoint:
        raise
    except UNREADABLE as error:
        raise unreadable_error(folder, first_line(error)) from error
    if not np.isfinite(scores).all():
        raise unreadable_error(folder, f"it scores texts with {scores}")
    return opened


def open_kind(
    folder: Path, tokenizer: Any, config: dict[str, Any], *, name: str, dtype: torch.dtype
) -> CrossEncoder | TextEncoder:
    """A cross encoder where that is what config.json says, else an encoder."""
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    architectures = config.get("architectures") or ()
    if any(str(each).endswith(CLASSIFIER) for each in architectures):
        model = read_whole(folder, AutoModelForSequenceClassification, made_for="ranking passages", dtype=dtype)
        if (labels := model.config.num_labels) != 1:
            raise BadCheckpoint(
                f"the model in {folder} sorts texts into {labels} classes, and one that ranks has one number. "
                "Name a reranker, or an encoder of texts"
            )
        return CrossEncoder(model.eval(), tokenizer, fit_limits(model, tokenizer))
    model = read_whole(folder, AutoModel, made_for="encoding texts", dtype=dtype, unneeded=HEAD)
    recipe = find_recipe(name) or read_recipe(folder, str(config.get("model_type")))
    return TextEncoder(model.eval(), tokenizer, recipe, fit_limits(model, tokenizer))


def fit_limits(model: Any, tokenizer: Any) -> RerankLimits:
    """The limits, for a model that reads less."""
    places = getattr(model.config, "max_position_embeddings", RERANK.tokens) - 2  # of RoBERTa's, two stand for none
    return replace(RERANK, tokens=min(RERANK.tokens, places, tokenizer.model_max_length))


def find_recipe(name: str) -> EncoderRecipe | None:
    """That of a model whose makers tell it on its page alone, by its name or its folder's."""
    plain = without_revision(name).rstrip("/")
    return next((recipe for pattern, recipe in RECIPES if pattern.search(plain)), None)


def read_recipe(folder: Path, kind: str) -> EncoderRecipe:
    """That which stands beside the weights as sentence-transformers writes it; else what is usual of such a model."""
    told, pooled = (read_json(folder / file) if (folder / file).is_file() else {} for file in PROMPTS)
    prompts = told.get("prompts") or {}
    usual: Pooling = "last" if kind in DECODERS else "mean"
    return EncoderRecipe(
        pooling=next((way for key, way in POOLINGS.items() if pooled.get(f"pooling_mode_{key}")), usual),
        question=next((str(prompts[key]) for key in ASKS if prompts.get(key)), ""),
        text=next((str(prompts[key]) for key in SAYS if prompts.get(key)), ""),
    )
