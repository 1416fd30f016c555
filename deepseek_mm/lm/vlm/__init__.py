"""Models of transformers that look at the pictures themselves (image-text-to-text), by folder or hub name."""
