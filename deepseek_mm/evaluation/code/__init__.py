"""How well programs are written: `tasks` reads them, `tests` runs them in the sandbox, `whole` and `lines` have them
written, `kept` remembers what was done, `report` tells.
"""
