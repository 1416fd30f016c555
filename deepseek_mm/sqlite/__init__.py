"""What every SQLite file of ours needs, whatever it holds; `index` has its own.

`file` opens, upgrades and refuses a file, `columns` are the types of its columns, `owner` tells whether the process
that a row speaks of still lives.
"""
