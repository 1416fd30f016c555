"""Which models are on offer: names, and what each does."""

from deepseek_mm.api.openai.errors import NoModel
from deepseek_mm.api.openai.schemas import Model, ModelList
from deepseek_mm.lm.generator import Generator

GROUNDED, BARE, EMBED, EMBED_CODE = "deepseek-mm", "deepseek-mm-lm", "deepseek-mm-embed", "deepseek-mm-embed-code"


def catalogue(lm: Generator, created: int) -> ModelList:
    """All models, `created` in seconds since 1970. Without a language model the bare one is not among them."""
    told = {
        GROUNDED: "answers about the library, or about pictures that come along, with citations that were checked",
        BARE: f"the language model {lm.name} by itself: no library, no citations; talks, texts, gaps in texts",
        EMBED: "vectors of texts and pictures, in one space",
        EMBED_CODE: "vectors of code, in the same space",
    }
    if lm.name == "none":
        del told[BARE]
    return ModelList(data=[Model(id=name, created=created, description=what) for name, what in told.items()])


def find_model(name: str, offered: ModelList) -> Model:
    """The model of this name. NoModel names those that there are."""
    for model in offered.data:
        if model.id == name:
            return model
    raise no_model(name, [model.id for model in offered.data])


def no_model(name: str, names: list[str]) -> NoModel:
    """What to say of a name that fits nothing here."""
    return NoModel(f"the model {name[:100]!r} is not offered here. Choose one of: {', '.join(names)}")
