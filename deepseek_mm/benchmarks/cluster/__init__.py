"""`bench cluster`: several processes around one library on a PostgreSQL server, all on this machine."""
