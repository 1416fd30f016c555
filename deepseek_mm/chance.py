"""Odds: one probability under another expectation."""


def adjust_prior(presence: float, prior: float) -> float:
    """A probability that was calibrated where half the photos show the thing, where only `prior` of them do (Bayes).

    >>> round(adjust_prior(0.9, 0.1), 6)
    0.5
    """
    yes, no = presence * prior, (1 - presence) * (1 - prior)
    return yes / (yes + no) if yes + no else 0.0
