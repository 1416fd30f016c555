"""Answers from evidence: skills make claims, the composer words them, the verifier drops what is not carried."""
