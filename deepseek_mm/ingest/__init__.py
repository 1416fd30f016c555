"""Filling the shelves: files become regions and vectors in the store, each whole or not at all.

`intake` is the story, `report` counts what became of the files, `pages` turns a document into regions, `quarantine`
keeps what is not to be tried again.
"""

from deepseek_mm.ingest.intake import Intake
from deepseek_mm.ingest.report import Hooks, Report

__all__ = ["Hooks", "Intake", "Report"]
