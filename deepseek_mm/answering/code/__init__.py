"""Tests that are written for code: values for its parameters, calls in the sandbox, and the file that says what came."""
