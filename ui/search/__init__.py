"""The Search tab: searching, its results, its controls and saved searches."""
