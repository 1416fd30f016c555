"""Larger models by name: what they are told and shown, and what becomes of what they say."""
