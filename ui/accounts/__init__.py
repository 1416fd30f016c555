"""The part "You and others" of the Settings tab: one's own account, and the people of the house for its owners."""
