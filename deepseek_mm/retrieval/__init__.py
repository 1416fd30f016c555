"""Hybrid search over one index: query vectors, words, ranking, calibrated certainty, and evidence for a question."""
