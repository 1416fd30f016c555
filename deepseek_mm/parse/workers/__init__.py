"""Files of strangers are taken apart in processes of their own, which may die.

`pool` starts processes and hands them out, `client` asks one of them about a file, `wire` says how the two sides speak,
`loop` is what runs in the process, and what it gives up first.
"""
