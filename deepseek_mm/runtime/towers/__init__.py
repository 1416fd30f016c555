"""The towers on other engines: parts are taken out of the space's model, computed elsewhere, and put back in.

A part keeps its call: tensors in, tensors out, so whoever uses the model does not know. `parts` says which they are,
one file an engine opens them, `files` keeps what engines make, `install` swaps, `measure` compares.
"""
