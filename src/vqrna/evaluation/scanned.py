"""What a scan went over: `scanned.bed`, which lies beside its results."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np

from vqrna.evaluation.heads import Facts, fact_of
from vqrna.evaluation.known import NOT_DATA, STRIDE, KnownSites
from vqrna.formats.text import bed_name
from vqrna.genome.bed import blocks_of, fields_of, interval_of, strand_of
from vqrna.genome.lines import LineError, lines_of

NAME = "scanned.bed"


@dataclass(frozen=True, eq=False)
class Scanned:
    """Stretches that were scanned.

    Attributes
    ----------
    names : dict of str to int
        The sequences, numbered.
    starts : np.ndarray, shape (N,), int64
        Where a stretch begins, rising; each sequence and strand is a group of its own.
    stops : np.ndarray, shape (N,), int64
        How far the stretches reach that begin there or before.
    facts : Facts
        From the head of the file.
    """

    names: dict[str, int]
    starts: np.ndarray
    stops: np.ndarray
    facts: Facts

    def holds(self, known: KnownSites) -> np.ndarray:
        """Tell which known sites, shape (N,), lie in what was scanned."""
        number = np.array([self.names.get(name, -1) for name in known.names], dtype=np.int64)
        sequence = number[known.sequence]
        place = (2 * sequence + known.reverse) * STRIDE + known.position
        before = np.searchsorted(self.starts, place, side="right")
        reached = np.concatenate([[0], self.stops])[before]
        return (sequence >= 0) & (reached > place)


def read_scanned(path: str | PathLike[str]) -> Scanned:
    """Read which stretches were scanned, as `vqrna predict --regions` reads them.

    A line without a strand holds both, and of twelve columns the blocks count.

    Raises
    ------
    DataError
        If the file is missing, or a line is no stretch.
    """
    names: dict[str, int] = {}
    facts: Facts = {}
    starts: list[int] = []
    stops: list[int] = []
    with lines_of(path) as lines:
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if text.startswith(NOT_DATA) or not text.strip():
                facts.update(fact_of(text))
                continue
            fields = fields_of(line)
            start, stop = interval_of(fields)
            if stop >= STRIDE:
                raise LineError(f"end {stop} is beyond any sequence's")
            strand, blocks = strand_of(fields), blocks_of(fields, start, stop)
            name = bed_name(fields[0].decode("utf-8", "replace"))
            number = names.setdefault(name, len(names))
            for reverse in (0, 1) if not strand else (int(strand < 0),):
                group = (2 * number + reverse) * STRIDE
                starts += (group + block[0] for block in blocks)
                stops += (group + block[1] for block in blocks)
    first = np.array(starts, dtype=np.int64)
    order = np.argsort(first, kind="stable")
    reach = np.maximum.accumulate(np.array(stops, dtype=np.int64)[order]) if starts else first
    return Scanned(names, first[order], reach, facts)
