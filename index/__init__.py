"""Where regions are kept and how they are found again. Vectors in, hits out; no model is imported here."""

from index.region import EVERYTHING, Box, Filter, Hit, Label, Region, Source

__all__ = ["EVERYTHING", "Box", "Filter", "Hit", "Label", "Region", "Source"]
