"""The paged key-value cache: pages, prefixes, and attention over them."""
