"""The Settings tab: what can be chosen, and what is installed."""
