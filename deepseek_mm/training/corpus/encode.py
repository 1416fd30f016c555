"""Items become token ids and a mask: what is to be learned of them.

A text is learned whole, and ends with the mark that ends documents. Of a chat the answers are learned, each with the
mark that ends it; questions, rules and the template's own marks are only read. A chat is encoded as the product does
it, up to each answer, so that what is learned is what will be seen.

Shape key:  T tokens of a document
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_mm.lm.tokenizer import encode_chat
from deepseek_mm.lm.tokenizer import escape_marks
from deepseek_mm.training.corpus.items import CorpusItem

END_OF_TEXT = "<|endoftext|>"  # between documents, where the tokenizer knows it
Ids = NDArray[np.uint16]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenDocument:
    """One document as a model reads it."""

    domain: str
    ids_T: Ids
    learn_T: Mask  # True: this token is to be predicted

    def __len__(self) -> int:
        return len(self.ids_T)


def cut_documents(item: CorpusItem, domain: str, tokenizer: Any, *, most: int) -> Iterator[TokenDocument]:
    """A text in pieces of at most `most` tokens; a chat whole, or not at all if it is longer."""
    if item.messages:
        ids, learn = encode_chat_item(item, tokenizer)
        if len(ids) <= most:
            yield make_document(domain, ids, learn)
        return
    ids = [
        *tokenizer(plain(item.text, list_special_tokens(tokenizer)), add_special_tokens=False)["input_ids"],
        find_end_token(tokenizer),
    ]
    for start in range(0, len(ids), most):
        piece = ids[start : start + most]
        yield make_document(domain, piece, [True] * len(piece))


def encode_chat_item(item: CorpusItem, tokenizer: Any) -> tuple[list[int], list[bool]]:
    """Ids of the whole chat, up to the mark that ends its last answer, and which of them are learned."""
    marks = list_special_tokens(tokenizer)
    ids: list[int] = []
    learn: list[bool] = []
    answers = [n for n, message in enumerate(item.messages) if message.role == "assistant"]
    for n in answers:
        prompt = encode_chat(tokenizer, item.messages[:n])
        assert prompt[: len(ids)] == ids, "the template changes what came before"
        learn += [False] * (len(prompt) - len(ids))
        said = tokenizer(escape_marks(item.messages[n].text, marks), add_special_tokens=False)["input_ids"]
        ids = [*prompt, *said, tokenizer.eos_token_id]
        learn += [item.all_answers or n == answers[-1]] * (len(said) + 1)
    return ids, learn


def list_special_tokens(tokenizer: Any) -> list[str]:
    """Special tokens, which no text may smuggle in."""
    return [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]


def find_end_token(tokenizer: Any) -> int:
    """The token that ends a document: the tokenizer's own for it, or that which ends an answer."""
    known = tokenizer.get_vocab().get(END_OF_TEXT)
    return int(tokenizer.eos_token_id if known is None else known)


def make_document(domain: str, ids: list[int], learn: list[bool]) -> TokenDocument:
    return TokenDocument(domain=domain, ids_T=np.array(ids, np.uint16), learn_T=np.array(learn, bool))
