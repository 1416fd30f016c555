"""What everything that keeps files needs, whatever they hold: SQLite databases, small files, whole writes.

`file` opens, upgrades and refuses a database, `columns` are the types of its columns, `counters` see what was lost,
`exchange` copies and exchanges whole databases, `files` reads small files and writes any whole, `owner` tells whether
the process that a row speaks of still lives. Nothing here imports torch, and `files` nothing but the standard library.
"""
