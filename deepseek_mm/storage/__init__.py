"""What everything that keeps files needs, whatever they hold: SQLite databases, small files, whole writes.

`database` opens, reads and writes a database, `schema` says what it holds and upgrades it, `counters` see what was
lost, `exchange` copies and exchanges whole databases and opens what cannot be written, `owner` tells whether the
process that a row speaks of still lives, `files` reads small files, writes any whole and guards open databases. Nothing
here imports torch.
"""
