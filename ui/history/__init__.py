"""The History tab: conversations by date, what can be done with one, and an old one answered again."""
