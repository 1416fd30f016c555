"""Tests that are written for code: values for its parameters, calls in the sandbox, and the file of what came."""
