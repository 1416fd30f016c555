"""How well people are told apart by their faces."""
