"""How good test drafts are: functions that are drawn, mutants of them, and what the drafts notice."""
