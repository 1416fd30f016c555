"""The decoder's next token as compiled loops: no tensor is handed around while it is worked out.

`emit` has vectors, `tiles` matrices in few bits, `keys` and `attention` what is seen of the pages, `routing` the
experts, `inside` what is short, and `step` puts them together; `threads` lets several cores take part. `layout` says
what lies where, `packing` and `places` put it there, and `stepper` is what the rest of the program sees.
"""
