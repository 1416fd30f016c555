"""Attention whose scores a quantum circuit gives, against a classical twin of as many parameters, and dot products."""
