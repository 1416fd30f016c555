"""What each kind of question answers: claims about one photo, about several, and about code."""
