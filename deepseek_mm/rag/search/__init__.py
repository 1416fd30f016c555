"""A search that owns up: `find` looks, `scales` compares kinds, `matches` groups, `certainty` says if it is there,
`measured` how often that is wrong."""

from deepseek_mm.rag.search.certainty import read_certainty
from deepseek_mm.rag.search.find import Presence, Search
from deepseek_mm.rag.search.measured import Measured, read_measured, save_measured

__all__ = ["Measured", "Presence", "Search", "read_certainty", "read_measured", "save_measured"]
