"""The Learning tab: training from corrections, and versions."""
