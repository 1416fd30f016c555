"""Where regions are kept and how they are found again. Vectors in, hits out; no model is imported here.

`RegionStore` is in `index.store`: this page names only what costs nothing to import.
"""

from deepseek_mm.storage.errors import IndexProblem
from index.region import EVERYTHING, LIBRARY, Box, Counts, Filter, Hit, Label, LabelCount, Region, Source, Symbol

__all__ = [
    "EVERYTHING",
    "LIBRARY",
    "Box",
    "Counts",
    "Filter",
    "Hit",
    "IndexProblem",
    "Label",
    "LabelCount",
    "Region",
    "Source",
    "Symbol",
]
