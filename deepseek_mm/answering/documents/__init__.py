"""What documents say: words that a reader marks, and what programs work out of tables and sentences."""
