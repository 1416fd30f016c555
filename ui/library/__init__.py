"""The Library tab: what is in the library, adding files, jobs, duplicates, rules and maintenance."""
