"""What everything that keeps files needs, whatever they hold: SQLite databases, small files, whole writes.

`database` opens, reads and writes a database, `schema` says what it holds and upgrades it, `columns` are types of its
columns, `counters` see what was lost, `exchange` copies and exchanges whole databases, `read_only` opens what cannot be
written, `open_files` guards what is open, `owner` tells whether the process that a row speaks of still lives, `files`
reads small files and writes any whole. Nothing here imports torch.
"""
