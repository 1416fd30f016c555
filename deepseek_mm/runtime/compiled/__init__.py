"""The decoder's next token as compiled loops, without tensors between the operations.

`jit` compiles, `vectors`, `tiles` and `attention` are the operations, `decode_step` runs all layers, `threads`
synchronises the cores, `layout` declares the arrays, and `compiled_decoder` is the interface to the rest of the
program.
"""
