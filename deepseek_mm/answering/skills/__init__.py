"""What each kind of question about photos answers: claims about one photo, and about several."""
