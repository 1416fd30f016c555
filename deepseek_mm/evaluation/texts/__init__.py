"""What is understood of texts: `eval reading`, and the commands of it and of `eval requests`."""
