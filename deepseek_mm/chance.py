"""Odds: one probability under another expectation, and as a number that evidence is added to."""

import math

EDGE = 1e-4  # what probabilities are kept off 0 and 1 by


def adjust_prior(presence: float, prior: float) -> float:
    """A probability that was calibrated where half the photos show the thing, where only `prior` of them do (Bayes).

    >>> round(adjust_prior(0.9, 0.1), 6)
    0.5
    """
    yes, no = presence * prior, (1 - presence) * (1 - prior)
    return yes / (yes + no) if yes + no else 0.0


def log_odds(chance: float, *, edge: float = EDGE) -> float:
    """Of a probability, which is kept off 0 and 1.

    >>> log_odds(0.5), round(log_odds(1.0, edge=0.02), 2)
    (0.0, 3.89)
    """
    kept = min(1 - edge, max(edge, chance))
    return math.log(kept / (1 - kept))
