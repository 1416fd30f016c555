"""Pictures, text and code become unit vectors of one space; `open_space` chooses which."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deepseek_mm.config import EncoderConfig
    from deepseek_mm.embeddings.space import EmbeddingModel


def open_space(config: "EncoderConfig", *, for_engines: bool = False) -> "EmbeddingModel":
    """The space that `config.name` names: the default one ("auto" too), its student, a CLIP or SigLIP checkpoint.

    `for_engines` leaves the default one's towers out: engines that were made before are to be put there.
    """
    from deepseek_mm.config import AUTO, DEFAULT, EDGE

    if config.name in (AUTO, DEFAULT):
        from deepseek_mm.embeddings.default import DefaultSpace

        return DefaultSpace(batch=config.batch, for_engines=for_engines)
    if config.name == EDGE:
        from deepseek_mm.embeddings.edge import EdgeSpace

        return EdgeSpace(batch=config.batch)
    from deepseek_mm.embeddings.clip import ClipSpace

    return ClipSpace(config.name, batch=config.batch)
