"""A file becomes pictures, text or code, each with its place. No model."""
