"""Requests as people type them, made from shapes and from real questions, and the training of what understands them."""
