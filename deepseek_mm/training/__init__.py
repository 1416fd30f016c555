"""The trainers of every committed weight: each command resumes where it stopped, and leaves a log and a plot."""
