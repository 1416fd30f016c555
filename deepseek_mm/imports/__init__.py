"""What other programs for photos export becomes a plan: which photos there are, and what is said of each.

`export_tree` lists the files, a module for each program reads what they say, `kinds` chooses among them, `preview`
says what an import would do. Nothing here writes anything: `library.import_jobs` carries a plan out.
"""

from deepseek_mm.imports.kinds import KINDS, find_export, read_plan
from deepseek_mm.imports.preview import ImportPreview, preview_import
from deepseek_mm.imports.records import ImportedPhoto, ImportPlan

__all__ = ["KINDS", "ImportPlan", "ImportPreview", "ImportedPhoto", "find_export", "preview_import", "read_plan"]
