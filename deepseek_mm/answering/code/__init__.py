"""Questions about code: parsed, looked up in the index by syntax, and answered with code, callers and tests."""
