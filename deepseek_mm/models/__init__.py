"""Models from a hub that can take the place of the packaged ones: what they are, whether they fit, how they come."""
