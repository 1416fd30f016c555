"""Tools for agents over the Model Context Protocol: what they find, ask, look at and read."""
