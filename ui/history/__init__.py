"""The History tab: conversations, exports and imports."""
