"""A stretch of sequence to be scanned, and where it lies in a genome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, eq=False)
class Placement:
    """Blocks of a chromosome that a stretch was transcribed from.

    Parameters
    ----------
    chromosome : str
    reverse : bool
        Whether it is the reverse strand.
    blocks : np.ndarray, shape (B, 2), int64
        0-based half-open intervals of the chromosome, rising, that do not overlap (exons).
    """

    chromosome: str
    reverse: bool
    blocks: np.ndarray


@dataclass(frozen=True, eq=False)
class Region:
    """Sequence, 5' to 3', of which some positions are evaluated.

    Parameters
    ----------
    name : str
        Of the sequence in the results.
    tokens : np.ndarray, shape (S,), uint8
        With as much context on both sides as the model sees, or as there is.
    start, stop : int
        The positions that are evaluated; the rest is context.
    first : int
        Number that position `start` has in the sequence called `name`, from 0 (for a stretch on
        the reverse strand the numbers fall from there).
    reverse : bool
        Whether the stretch is on the reverse strand of the sequence called `name`.
    wanted : np.ndarray, shape (stop - start,), bool, or None
        Which of the positions count; all if None.
    only : dict of str to np.ndarray
        For the symbols of some types, the positions (of `tokens`) at which alone they are looked
        for, such as m6Am at the first bases of transcripts.
    before, after : int
        So many nt of the sequence lie beyond either end of `tokens`.
    """

    name: str
    tokens: np.ndarray
    start: int
    stop: int
    first: int = 0
    reverse: bool = False
    wanted: np.ndarray | None = None
    only: Mapping[str, np.ndarray] = field(default_factory=dict)
    before: int = 0
    after: int = 0

    @classmethod
    def whole(cls, name: str, tokens: np.ndarray) -> Region:
        """Take all of a sequence."""
        return cls(name, tokens, 0, len(tokens))
