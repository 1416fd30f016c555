"""The decoder's next token as compiled loops, without tensors between the operations.

`jit` compiles and synchronises the cores, `vectors`, `tiles` and `attention` are the operations, `decode_step` runs all
layers, `layout` declares the arrays, and `compiled_decoder` is the interface to the rest of the program.
"""
