"""A region of sequence to be scanned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

_NO_CUTS = np.empty(0, dtype=np.int64)
_NO_CUTS.flags.writeable = False


@dataclass(frozen=True, eq=False)
class Region:
    """A sequence, 5' to 3', of which some positions are evaluated."""

    name: str  # Name of the sequence in the results
    # (S,), uint8: The evaluated positions and their context, as far as the sequence reaches
    tokens: np.ndarray
    # start, stop: Evaluated positions of `tokens`; the rest is context
    start: int
    stop: int
    # 0-based number of position `start` in the sequence called `name`; on the reverse strand the
    # numbers fall from there
    first: int = 0
    # Whether the region is on the reverse strand of the sequence called `name`
    reverse: bool = False
    # (stop - start,), bool, or None: Positions whose sites are reported; all if None
    wanted: np.ndarray | None = None
    # By symbol of a modification, the only positions (of `tokens`) where it can occur, such as the
    # first bases of transcripts for m6Am
    only: Mapping[str, np.ndarray] = field(default_factory=dict)
    # before, after: Number of nt of the sequence beyond either end of `tokens`
    before: int = 0
    after: int = 0
    # (C,), int64: Positions of `tokens` inside the evaluated ones at which a segment begins
    # (:mod:`vqrna.segments`), sorted; the first segment begins at `start`
    cuts: np.ndarray = field(default_factory=lambda: _NO_CUTS)

    @classmethod
    def whole(cls, name: str, tokens: np.ndarray) -> Region:
        """Return a whole sequence as a region."""
        return cls(name, tokens, 0, len(tokens))
