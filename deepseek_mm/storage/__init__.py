"""What everything that keeps files needs, whatever they hold: databases, small files, whole writes.

`database` says what a database can do, `sqlite_database` keeps one in a file and `postgres_database` in a schema of a
server, `places` opens either, `schema` says what it holds and upgrades it, `row_copies` copies one into another,
`replication` makes one follow another and compares them, `server_schemas` looks at those of a server from outside,
`portable_sql` says what files and servers write differently. `counters` see what a file lost, `exchange` copies and
exchanges whole files and opens what cannot be written, `owner` tells whether the process that a row speaks of still
lives, `presence` that of processes on any machine, `notices` carries words between them, `files` reads small files,
writes any whole and guards open databases. Nothing here imports torch.
"""
