"""Training who is heard about one picture beside the reader: how much each witness counts, and the reader of boxes."""
