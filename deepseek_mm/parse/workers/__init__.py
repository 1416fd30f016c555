"""Files of strangers are taken apart in processes of their own, which may die.

`pool` hands out processes, `process` is one of them as seen from here, `client` asks one of them about a file,
`wire` says how the two sides speak, `loop` is what runs in the process, `confinement` what it gives up first.
"""
