"""What is there: for each of some hundred things, how probable it is that people would name it of a picture."""
