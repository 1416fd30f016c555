"""Faces in photos: a network that finds them, one that tells people apart, and what joins the two."""
