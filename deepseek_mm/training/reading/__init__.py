"""Training of the reader that finds answers in passages: examples, generated documents, and the trainer."""
