"""Experiments: they may import anything, and nothing imports them. Each has a README: question, result, verdict."""
