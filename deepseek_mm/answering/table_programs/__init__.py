"""Questions that the tables and amounts of documents answer, each by a program that is shown."""
