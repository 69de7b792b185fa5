"""Sums over segments of scanned sequences, and the rows of the table by sequence.

A segment is an interval of a region whose positions belong to the same sequences or transcripts:
if an exon of transcript A covers positions 0 to 100 of a region and one of transcript B 50 to 150,
the segments are [0, 50), [50, 100) and [100, 150), and the sums of A are those of the first two.
Sums are of integers, so that they do not depend on how a sequence is cut into segments.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from vqrna.modifications import Modification
from vqrna.region import Region
from vqrna.sites import Sites, best_rows, concat_sites, round_significant
from vqrna.stats.tiers import CALLS, TIERS

SCALE = 10**9
"""Probabilities are summed in units of 1 / `SCALE`."""

ARRAYS = (
    "start", "stop", "reverse", "reported", "expected", "probability", "score", "position"
)  # fmt: skip
"""Columns of :class:`Segments` that a finished part keeps, besides the names."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Sums over segments, for each of K modifications.

    Attributes
    ----------
    sequence : np.ndarray, shape (S,), object
    start : np.ndarray, shape (S,), int64
        0-based, on the forward strand.
    stop : np.ndarray, shape (S,), int64
        End (half-open), on the forward strand.
    reverse : np.ndarray, shape (S,), bool
    reported : np.ndarray, shape (S,), int64
        Number of reported sites.
    expected : np.ndarray, shape (S, K), int64
        Sum of the probabilities of all candidates, in `SCALE`.
    probability : np.ndarray, shape (S, K)
        Highest probability of a candidate; -1 without a candidate.
    score : np.ndarray, shape (S, K)
        Score of this candidate; of equal probabilities, the highest score.
    position : np.ndarray, shape (S, K)
        Its 0-based position; of equal scores, the first. -1 without a candidate.
    calls : np.ndarray, shape (S, K, 4), int64
        Number of calls by label, in the order of `CALLS`.
    """

    sequence: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    reverse: np.ndarray
    reported: np.ndarray
    expected: np.ndarray
    probability: np.ndarray
    score: np.ndarray
    position: np.ndarray
    calls: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    @classmethod
    def empty(cls, modifications: int) -> Segments:
        """Return no segments."""
        integers = np.zeros((0, modifications), dtype=np.int64)
        numbers = np.zeros((0, modifications))
        none = np.zeros(0, dtype=np.int64)
        calls = np.zeros((0, modifications, len(CALLS)), dtype=np.int64)
        return cls(
            np.empty(0, dtype=object), none, none, np.zeros(0, dtype=bool), none, integers,
            numbers, numbers, integers, calls,
        )  # fmt: skip

    def take(self, rows: np.ndarray | slice) -> Segments:
        """Return some segments, by indices, mask or slice."""
        names = [f.name for f in dataclasses.fields(self)]
        return Segments(**{name: getattr(self, name)[rows] for name in names})

    def replace(self, **columns: np.ndarray) -> Segments:
        """Return the same segments with other columns."""
        return dataclasses.replace(self, **columns)

    def with_reported(self, kept: np.ndarray) -> Segments:
        """Return the segments after some of their reported sites were left out.

        Parameters
        ----------
        kept : np.ndarray, shape (N,), bool
            Which of the reported sites remain, in order.
        """
        segment = np.repeat(np.arange(len(self)), self.reported)
        return self.replace(reported=np.bincount(segment[kept], minlength=len(self)))

    def count_calls(self, modification_index: np.ndarray, tier: np.ndarray) -> Segments:
        """Return the segments with the calls of their sites.

        Parameters
        ----------
        modification_index, tier : np.ndarray, shape (N,)
            Of the reported sites, in order (see :class:`vqrna.sites.Sites`).
        """
        calls = np.zeros_like(self.calls)
        segment = np.repeat(np.arange(len(self)), self.reported)
        called = tier > 0
        np.add.at(calls, (segment[called], modification_index[called], tier[called] - 1), 1)
        return self.replace(calls=calls)

    def combine(self, first: np.ndarray, rank: np.ndarray | None = None) -> Segments:
        """Combine consecutive segments; name and strand are those of the first ones.

        Parameters
        ----------
        first : np.ndarray, shape (G,), int64
            First segment of each group; the first is 0.
        rank : np.ndarray, shape (S, K), optional
            Order of the best candidates for equal probability and score; by default that of the
            segments.
        """
        if len(first) == len(self):
            return self
        group = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(self))))
        best = np.empty((len(first), self.expected.shape[1]), dtype=np.int64)
        for k in range(best.shape[1]):
            last = np.arange(len(self)) if rank is None else rank[:, k]
            order = np.lexsort((last, -self.score[:, k], -self.probability[:, k], group))
            best[:, k] = order[first]
        chosen = {
            name: np.take_along_axis(getattr(self, name), best, axis=0)
            for name in ("probability", "score", "position")
        }
        sums = {
            name: np.add.reduceat(getattr(self, name), first, axis=0)
            for name in ("reported", "expected", "calls")
        }
        last = np.append(first[1:], len(self)) - 1
        return self.take(first).replace(stop=self.stop[last], **sums, **chosen)


def region_segments(
    regions: Sequence[Region],
    modifications: int,
    begin: np.ndarray,
    at: np.ndarray,
    index: np.ndarray,
    probability: np.ndarray,
    score: np.ndarray,
    reported: np.ndarray,
) -> Segments:
    """Sum over the segments of regions, which begin at the cuts of each.

    Parameters
    ----------
    modifications : int
        Number of modifications, K.
    begin : np.ndarray, shape (R,), int64
        Index of the first letter of each region in an array with the letters of all, which has at
        least one letter of none after each.
    at, index, probability, score : np.ndarray, shape (C,)
        Position in that array, modification and values of each candidate, by position.
    reported : np.ndarray, shape (N,), int64
        Positions of the reported sites in that array.
    """
    cuts = np.array([len(region.cuts) for region in regions], dtype=np.int64)
    owner = np.repeat(np.arange(len(regions)), cuts + 1)
    opening = np.cumsum(cuts + 1) - cuts - 1  # first segment of each region
    start = np.array([region.start for region in regions], dtype=np.int64)
    stop = np.array([region.stop for region in regions], dtype=np.int64)
    # Bounds of the segments, counted from the first evaluated position of their region
    low = np.zeros(len(owner), dtype=np.int64)
    if cuts.any():
        inside = np.ones(len(owner), dtype=bool)
        inside[opening] = False
        low[inside] = np.concatenate([region.cuts for region in regions]) - start[owner[inside]]
    high = np.append(low[1:], 0)
    high[opening + cuts] = stop - start
    origin = (begin + start)[owner]
    bounds = origin + low
    shape = (len(owner), modifications)
    size = len(owner) * modifications
    key = (np.searchsorted(bounds, at, side="right") - 1) * modifications + index
    expected = np.zeros(size, dtype=np.int64)
    np.add.at(expected, key, np.rint(probability * SCALE).astype(np.int64))
    highest, best_score = np.full(size, -1.0), np.full(size, -1.0)
    np.maximum.at(highest, key, probability)
    rows = np.flatnonzero(probability == highest[key])
    np.maximum.at(best_score, key[rows], score[rows])
    rows = rows[score[rows] == best_score[key[rows]]][::-1]  # the first is assigned last
    best = np.full(size, -1, dtype=np.int64)
    best[key[rows]] = at[rows]
    best = best.reshape(shape)
    first = np.array([region.first for region in regions], dtype=np.int64)[owner]
    reverse = np.array([region.reverse for region in regions], dtype=bool)[owner]
    along = best - origin[:, None]
    position = first[:, None] + np.where(reverse[:, None], -along, along)
    segment = np.searchsorted(bounds, reported, side="right") - 1
    return Segments(
        np.array([region.name for region in regions], dtype=object)[owner],
        np.where(reverse, first + 1 - high, first + low),
        np.where(reverse, first + 1 - low, first + high),
        reverse,
        np.bincount(segment, minlength=len(owner)).astype(np.int64),
        expected.reshape(shape),
        highest.reshape(shape),
        best_score.reshape(shape),
        np.where(best < 0, -1, position),
        np.zeros((*shape, len(CALLS)), dtype=np.int64),
    )


def concat_segments(parts: Sequence[Segments]) -> Segments:
    """Concatenate segments; one part at least."""
    if len(parts) == 1:
        return parts[0]
    names = [f.name for f in dataclasses.fields(Segments)]
    return Segments(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


@dataclass(frozen=True, eq=False)
class Block:
    """Reported sites and the segments that they are in, both in the order of the scan."""

    sites: Sites
    segments: Segments  # With the number of sites in `reported`; without calls

    @property
    def segment(self) -> np.ndarray:
        """Index of the segment of each site; shape (N,), int64."""
        return np.repeat(np.arange(len(self.segments)), self.segments.reported)

    def keep(self, kept: np.ndarray) -> Block:
        """Return the block with some of its sites, `kept` of shape (N,), bool."""
        return Block(self.sites.take(kept), self.segments.with_reported(kept))

    def best_of_segments(self, top: int) -> Block:
        """Return the block with the `top` most probable sites of each segment and modification."""
        return self.keep(best_rows(self.sites, top, self.segment))

    def called_segments(self) -> Segments:
        """Return the segments with the calls of their sites."""
        return self.segments.count_calls(self.sites.modification_index, self.sites.tier)


def best_of_sequences(blocks: Iterable[Block], top: int) -> Iterator[Block]:
    """Keep the `top` most probable sites of each sequence and modification.

    Memory holds the best sites of one sequence beside a block. A sequence begins with a segment at
    0 or of another name.
    """
    waiting: Block | None = None
    for block in blocks:
        if not len(block.segments):
            continue
        if waiting is not None:
            block = _concat_blocks(waiting, block)
        segments = block.segments
        opens = segments.start == 0
        opens[1:] |= segments.sequence[1:] != segments.sequence[:-1]
        sequence = np.cumsum(opens)
        block = block.keep(best_rows(block.sites, top, sequence[block.segment]))
        last = int(np.searchsorted(sequence, sequence[-1]))
        sites = int(block.segments.reported[:last].sum())
        if last:
            yield Block(block.sites.take(slice(sites)), block.segments.take(slice(last)))
        rest = slice(last, None)
        waiting = Block(block.sites.take(slice(sites, None)), block.segments.take(rest))
    if waiting is not None:
        yield waiting


def _concat_blocks(*blocks: Block) -> Block:
    sites = concat_sites(block.sites for block in blocks)
    return Block(sites, concat_segments([block.segments for block in blocks]))


def whole_sequences(blocks: Iterable[Segments]) -> Iterator[Segments]:
    """Combine the segments of each sequence to one; a sequence begins with a segment at 0."""
    waiting: Segments | None = None
    for block in blocks:
        if not len(block):
            continue
        rows = block if waiting is None else concat_segments([waiting, block])
        first = np.flatnonzero(rows.start == 0)
        combined = rows.combine(first)
        waiting = combined.take(slice(-1, None))
        if len(combined) > 1:
            yield combined.take(slice(0, -1))
    if waiting is not None:
        yield waiting


@dataclass(frozen=True, eq=False)
class SequenceRows:
    """Rows of the table by sequence."""

    segments: Segments  # One for each sequence; positions are those of the sequence
    length: np.ndarray  # (N,), int64
    extra: Mapping[str, np.ndarray] = field(default_factory=dict)  # Further columns, (N,)

    def table(self, modifications: Sequence[Modification]) -> pd.DataFrame:
        """Return the rows as a table; see docs/formats.md."""
        return pd.DataFrame(self.columns(modifications))

    def columns(self, modifications: Sequence[Modification]) -> dict[str, Any]:
        """Return the columns of the table; unknown positions are missing integers."""
        s = self.segments
        columns: dict[str, Any] = {"sequence": s.sequence, **self.extra}
        columns |= {
            "length": self.length,
            "called": s.calls.sum(axis=(1, 2)),
            "expected": round_significant(s.expected.sum(axis=1) / SCALE),
        }
        for k, m in enumerate(modifications):
            known = s.position[:, k] >= 0
            position = pd.array(s.position[:, k] + 1, dtype="Int64")
            position[~known] = pd.NA
            columns |= {
                f"{m.symbol}_called": s.calls[:, k].sum(axis=1),
                **{f"{m.symbol}_{tier}": s.calls[:, k, t] for t, tier in enumerate(TIERS)},
                f"{m.symbol}_expected": round_significant(s.expected[:, k] / SCALE),
                f"{m.symbol}_best_position": position,
                f"{m.symbol}_best_probability": np.where(known, s.probability[:, k], np.nan),
            }
        return columns


def sequence_table(
    rows: Iterable[SequenceRows], modifications: Sequence[Modification]
) -> pd.DataFrame:
    """Return blocks of rows as one table."""
    tables = [block.table(modifications) for block in rows]
    if not tables:
        none = SequenceRows(Segments.empty(len(modifications)), np.empty(0, dtype=np.int64))
        return none.table(modifications)
    return pd.concat(tables, ignore_index=True)
