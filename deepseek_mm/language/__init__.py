"""Questions and search boxes, read without a model: words, grammar, acts and search syntax."""
