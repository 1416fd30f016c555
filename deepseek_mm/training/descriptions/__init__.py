"""What descriptions of pictures need: kinds of pictures, drawn and learned, and what may be told."""
