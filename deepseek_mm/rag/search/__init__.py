"""A search that owns up: `find` looks, `scales` compares kinds, `matches` groups, `certainty` says if it is there,
`measured` how often that is wrong, `heat` where in a picture it is, `part` cuts what somebody drew a box around,
`language` tells words that are not English."""

from deepseek_mm.rag.search.certainty import read_certainty
from deepseek_mm.rag.search.find import Presence, Search
from deepseek_mm.rag.search.heat import Heat, heat_map
from deepseek_mm.rag.search.matches import hit_spans
from deepseek_mm.rag.search.measured import MeasuredErrors, read_measured, save_measured
from deepseek_mm.rag.search.part import cut

__all__ = [
    "Heat",
    "MeasuredErrors",
    "Presence",
    "Search",
    "cut",
    "heat_map",
    "hit_spans",
    "read_certainty",
    "read_measured",
    "save_measured",
]
