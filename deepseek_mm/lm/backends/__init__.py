"""Backends: our decoder, transformers, an OpenAI-compatible server, vision-language models."""
