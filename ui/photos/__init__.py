"""The Photos tab: a timeline of all photos, albums, places and things, and what somebody says of photos."""
