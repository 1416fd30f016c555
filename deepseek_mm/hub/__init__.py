"""Models of a hub on this machine: their names, the revision a library uses, whether they are whole, and their sizes.

Whoever owns OWNER/MODEL may put other weights there at any time. So DATA/models.json remembers which commit a library
was opened with, and every later start asks for that one. `OWNER/MODEL@REVISION` names one outright.

Nothing here asks anybody: `deepseek_mm.models` downloads. `names` has names and revisions, `cache` the folder in which
all programs of this user keep what came from a hub, `sizes` what is checked before a model is built.
"""

from deepseek_mm.hub.cache import HubFile
from deepseek_mm.hub.names import (
    AT,
    FILE,
    HUB_NAME,
    MAIN,
    UNWANTED,
    WANTED,
    Revisions,
    explain_absence,
    in_cache,
    is_hub_name,
    short_name,
    split_revision,
    without_revision,
)
from deepseek_mm.hub.sizes import check_sizes

__all__ = [
    "AT",
    "FILE",
    "HUB_NAME",
    "MAIN",
    "UNWANTED",
    "WANTED",
    "HubFile",
    "Revisions",
    "check_sizes",
    "explain_absence",
    "in_cache",
    "is_hub_name",
    "short_name",
    "split_revision",
    "without_revision",
]
