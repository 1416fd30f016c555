"""The Code tab, and code as HTML."""
