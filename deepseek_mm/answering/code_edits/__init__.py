"""Changes to code that a larger model proposes step by step: as a checked diff, which only a person's press applies."""
