"""What a scan went over: `scanned.bed`, which lies beside its results."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike

import numpy as np

from vqrna.comparing.heads import Facts, fact_of
from vqrna.comparing.known import NOT_DATA, STRANDS, KnownSites
from vqrna.data.source import open_text
from vqrna.errors import DataError
from vqrna.formats.text import bed_name

NAME = "scanned.bed"

STRIDE = 1 << 34
"""Longer than any sequence: a place in a genome as one number is group x STRIDE + position."""


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
    """Read which stretches were scanned.

    Raises
    ------
    DataError
        If the file is missing, or a line is no stretch.
    """
    file = str(path)
    names: dict[str, int] = {}
    facts: Facts = {}
    starts: list[int] = []
    stops: list[int] = []
    with open_text(path) as lines:
        for number, raw in enumerate(lines, start=1):
            text = raw.decode("utf-8", "replace").rstrip("\r\n")
            if text.startswith(NOT_DATA) or not text:
                facts.update(fact_of(text))
                continue
            cells = text.split("\t")
            try:
                start, stop = int(cells[1]), int(cells[2])
                reverse = STRANDS[cells[5] if len(cells) > 5 else ""]
            except (ValueError, IndexError, KeyError):
                words = "is no stretch as in BED: name, start, end, name, score, strand"
                raise DataError(words, file=file, line=number) from None
            group = (2 * names.setdefault(bed_name(cells[0]), len(names)) + reverse) * STRIDE
            starts.append(group + start)
            stops.append(group + stop)
    first = np.array(starts, dtype=np.int64)
    order = np.argsort(first, kind="stable")
    reach = np.maximum.accumulate(np.array(stops, dtype=np.int64)[order]) if starts else first
    return Scanned(names, first[order], reach, facts)
