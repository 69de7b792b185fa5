"""What a design has to reach: a probability at one position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vqrna.errors import UsageError
from vqrna.runtime.arguments import real_number
from vqrna.stats.tiers import DEFAULT_TIER, PROBABILITIES, tier_index

GOALS = ("remove", "add", "strengthen")

BELOW = AT_LEAST = PROBABILITIES[tier_index(DEFAULT_TIER)]
"""Probability below which a site is removed, and from which it is added: that of the default tier,
``medium``."""

STRENGTHENED = round(PROBABILITIES[tier_index("high")], 4)
"""Probability from which a site is strengthened: that of the tier ``high``."""


@dataclass(frozen=True)
class Goal:
    """A goal and its limit; made by :func:`make_goal`."""

    name: str  # One of `GOALS`
    limit: float

    @property
    def lowers(self) -> bool:
        """Whether the probability has to fall."""
        return self.name == "remove"

    def reached(self, probability: np.ndarray) -> np.ndarray:
        """Return which probabilities reach the goal, shape (...), bool."""
        return probability < self.limit if self.lowers else probability >= self.limit

    def describe(self) -> str:
        """Return the goal as text."""
        side = "below" if self.lowers else "at least"
        return f"{self.name}: probability {side} {self.limit:g}"


def make_goal(name: str, *, below: float | None = None, at_least: float | None = None) -> Goal:
    """Check a goal and fill in its limit.

    Parameters
    ----------
    name : {"remove", "add", "strengthen"}
        `remove`: the probability falls below `below`. `add`: it rises to `at_least`; the base may
        change. `strengthen`: it rises to `at_least` at a base that can carry the modification
        already.
    below : float, optional
        For `remove`; `BELOW` if not given.
    at_least : float, optional
        For `add` and `strengthen`; `AT_LEAST` or `STRENGTHENED` if not given.

    Raises
    ------
    UsageError
        If the goal is unknown, or a limit out of range or of another goal.
    """
    if name not in GOALS:
        raise UsageError(f"unknown goal '{name}' (known: {', '.join(GOALS)})")
    if name == "remove" and at_least is not None:
        raise UsageError("--at-least is for the goals add and strengthen (remove has --below)")
    if name != "remove" and below is not None:
        raise UsageError(f"--below is for the goal remove ({name} has --at-least)")
    limit = below if name == "remove" else at_least
    if limit is None:
        limit = {"remove": BELOW, "add": AT_LEAST, "strengthen": STRENGTHENED}[name]
    elif not 0 < real_number(limit, "limit of the probability") <= 1:
        option = "--below" if name == "remove" else "--at-least"
        raise UsageError(f"invalid {option} {limit:g} (expected above 0, at most 1)")
    return Goal(name, float(limit))
