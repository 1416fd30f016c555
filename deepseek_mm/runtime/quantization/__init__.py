"""Weights in fewer bits, put into a model from outside: the models have no code for it.

`packed_linear` is what the decoder uses at every start, `fp4` and `int8_layers` are the layers of files, which
`lm_files` and `weight_files` read and write. What calibrates and rounds is in `deepseek_mm.training`.
"""
