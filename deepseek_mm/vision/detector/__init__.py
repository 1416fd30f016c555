"""The detector of things: its network, and how it is run over pictures."""
