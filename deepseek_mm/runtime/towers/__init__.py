"""The towers on other engines: parts of the space's model are replaced by modules that call an engine.

A part keeps its call, tensors in and tensors out. `parts` lists them, `backends` opens and installs them, `export`
writes the edge space as ONNX.
"""
