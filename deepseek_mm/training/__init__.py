"""Training on this machine: every command resumes where it stopped, and leaves a log and a plot."""
