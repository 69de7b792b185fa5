"""The regions that a scan covered, as `vqrna predict` writes them beside its tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike

import numpy as np

from vqrna.data.fasta import INVALID_UTF8
from vqrna.data.names import WHOLE_NAMES, NameKeys, NameRule
from vqrna.evaluation.known_sites import KnownSites
from vqrna.evaluation.predicted_sites import STRIDE, Facts, SiteRows, fact_of, has_no_site
from vqrna.formats.text import read_bed_name
from vqrna.genome.bed import (
    BEYOND,
    FeatureError,
    parse_blocks,
    parse_interval,
    parse_strand,
    read_lines,
    split_fields,
)
from vqrna.genome.skipping import SkippedFeatures
from vqrna.runtime.run_record import SkippedInput

SCANNED = "scanned.bed"
"""Name of the file with the scanned regions."""


@dataclass(frozen=True, eq=False)
class ScannedRegions:
    """Regions that were scanned."""

    names: dict[str, int]  # Numbers of the sequences
    # (N,), int64: Starts of the regions, sorted; each sequence and strand is a group of `STRIDE`
    starts: np.ndarray
    stops: np.ndarray  # (N,), int64: Largest stop of all regions up to each
    facts: Facts  # Header of the file
    keys: NameKeys | None = None
    skipped: tuple[SkippedInput, ...] = ()  # Features that cannot be used, by reason

    def beyond(self, known: KnownSites) -> np.ndarray:
        """Return which known sites are behind the last region of their sequence, shape (N,)."""
        ends = np.zeros(len(self.names) + 1, dtype=np.int64)  # the last one: of other sequences
        np.maximum.at(ends, self.starts // (2 * STRIDE), self.stops % STRIDE)
        sequence = self._sequence(known, known.names)
        return (sequence >= 0) & (known.position >= ends[sequence])

    def _sequence(self, sites: KnownSites | SiteRows, names: Sequence[str]) -> np.ndarray:
        number = np.array([self.names.get(name, -1) for name in names], dtype=np.int64)
        return number[sites.sequence] if len(number) else np.full(len(sites.position), -1)

    def holds(self, sites: KnownSites | SiteRows, names: Sequence[str] | None = None) -> np.ndarray:
        """Return which sites are in a scanned region, shape (N,).

        Parameters
        ----------
        names : sequence of str, optional
            Names of the sequences, as they are compared; those of the sites if not given.
        """
        sequence = self._sequence(sites, sites.names if names is None else names)
        place = (2 * sequence + sites.reverse) * STRIDE + sites.position
        before = np.searchsorted(self.starts, place, side="right")
        reached = np.concatenate([[0], self.stops])[before]
        return (sequence >= 0) & (reached > place)


def read_scanned(
    path: str | PathLike[str], rule: NameRule = WHOLE_NAMES, *, strict: bool = False
) -> ScannedRegions:
    """Read scanned regions from BED, with the rules of `vqrna predict --regions`.

    A line without a strand covers both strands; of twelve columns only the blocks count. Features
    that cannot be used, such as those of length zero, are skipped and counted.

    Raises DataError if the file is missing or no region can be used; if `strict`, for each that
    cannot be used.
    """
    names: dict[str, int] = {}
    keys = NameKeys(rule, path)
    skipped = SkippedFeatures(path, strict=strict)
    facts: Facts = {}
    starts: list[int] = []
    stops: list[int] = []
    with read_lines(path) as lines:
        for line_number, line in enumerate(lines, start=1):
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            if has_no_site(text):
                facts.update(fact_of(text))
                continue
            try:
                fields = split_fields(line)
                start, stop = parse_interval(fields)
                if stop >= STRIDE:
                    raise FeatureError(BEYOND, f"end {stop} is beyond any sequence")
                strand, blocks = parse_strand(fields), parse_blocks(fields, start, stop)
            except FeatureError as error:
                skipped.add(error.reason, line_number, str(error))
                continue
            name = keys.add(read_bed_name(fields[0].decode("utf-8", INVALID_UTF8)))
            number = names.setdefault(name, len(names))
            for reverse in (0, 1) if not strand else (int(strand < 0),):
                group = (2 * number + reverse) * STRIDE
                starts += (group + block[0] for block in blocks)
                stops += (group + block[1] for block in blocks)
    if not names and skipped.inputs():
        raise skipped.nothing_left("regions")
    first = np.array(starts, dtype=np.int64)
    order = np.argsort(first, kind="stable")
    reach = np.maximum.accumulate(np.array(stops, dtype=np.int64)[order]) if starts else first
    return ScannedRegions(names, first[order], reach, facts, keys, skipped.inputs())
