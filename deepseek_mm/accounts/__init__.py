"""Who calls, what they may do, and which files of this machine they may name."""
