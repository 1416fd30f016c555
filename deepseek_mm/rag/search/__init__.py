"""A search that owns up: `find` looks, `scales` compares kinds, `matches` groups, `certainty` says if it is there."""

from deepseek_mm.rag.search.certainty import read_certainty
from deepseek_mm.rag.search.find import Presence, Search

__all__ = ["Presence", "Search", "read_certainty"]
