"""A conversation leaves as a file that others can read, and comes back whole.

`sharing` is the door. `packer` makes a `parcel` (the fields of the JSON file, their bounds, its bytes) and takes one
in; `renderers` write for people; `privacy` says what stays at home; `files` makes names safe and small copies;
`zip_export` packs chosen files of the library into a ZIP.
"""

from deepseek_mm.sharing.files import Exported, ExportLimits, Kind, Language
from deepseek_mm.sharing.packer import here_in
from deepseek_mm.sharing.sharing import Sharing

__all__ = ["Exported", "Kind", "Language", "ExportLimits", "Sharing", "here_in"]
