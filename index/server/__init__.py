"""What a store on a PostgreSQL server does another way than one in a file: types, words, nearest vectors, ids."""
