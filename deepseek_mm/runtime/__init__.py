"""The model meets the machine: weights are changed from outside so that they run fast here; no model knows of it."""
