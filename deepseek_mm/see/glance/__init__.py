"""The language model's eyes: a few vectors of a picture stand among its words, and it has learned to read them."""
