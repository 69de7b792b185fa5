"""A region of sequence to be scanned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

_NO_CUTS = np.empty(0, dtype=np.int64)
_NO_CUTS.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Region:
    """A sequence, 5' to 3', of which some positions are evaluated.

    Attributes
    ----------
    name : str
        Name of the sequence in the results.
    tokens : np.ndarray, shape (S,), uint8
        The evaluated positions and their context, as far as the sequence reaches.
    start : int
        First evaluated position of `tokens`, 0-based; what is before it is context.
    stop : int
        End of the evaluated positions of `tokens` (half-open); the rest is context.
    first : int
        0-based number of position `start` in the sequence called `name`; on the reverse
        strand the numbers fall from there.
    reverse : bool
        Whether the region is on the reverse strand of the sequence called `name`.
    wanted : np.ndarray, shape (stop - start,), bool, optional
        Positions whose sites are reported; all if None.
    only : Mapping[str, np.ndarray]
        By symbol of a modification, the only positions (of `tokens`) where it can occur,
        such as the first bases of transcripts for m6Am.
    before : int
        Number of nt of the sequence before `tokens`.
    after : int
        Number of nt of the sequence after `tokens`.
    cuts : np.ndarray, shape (C,), int64
        Positions of `tokens` inside the evaluated ones at which a segment begins
        (:mod:`vqrna.segments`), sorted; the first segment begins at `start`.
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
    cuts: np.ndarray = field(default_factory=lambda: _NO_CUTS)

    @classmethod
    def whole(cls, name: str, tokens: np.ndarray) -> Region:
        """Return a whole sequence as a region."""
        return cls(name, tokens, 0, len(tokens))
