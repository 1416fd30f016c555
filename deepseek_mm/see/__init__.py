"""Looking at a picture: what is in it, where, and in which colours."""
