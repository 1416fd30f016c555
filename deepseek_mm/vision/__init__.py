"""A picture -> what is in it: regions with labels, colours and vectors."""
