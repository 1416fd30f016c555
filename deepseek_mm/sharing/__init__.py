"""A conversation leaves as a file that others can read, and comes back whole.

`sharing` is the door. Out: `pack` makes a `parcel` (the fields of the JSON file, and their bounds), `wire` its bytes;
`markdown` and `page` write for people. In: `wire` checks, `unpack` finds a place for every picture. Beside them:
`photos` makes small copies, `places` asks the library what is here, `files` writes whole files, `names` makes names
safe, `allowed` lists the settings that may leave, `chosen` packs files of the library into a ZIP.
"""

from deepseek_mm.sharing.files import Exported, ExportLimits, Kind, Language
from deepseek_mm.sharing.sharing import Sharing
from deepseek_mm.sharing.unpacker import here_in

__all__ = ["Exported", "Kind", "Language", "ExportLimits", "Sharing", "here_in"]
