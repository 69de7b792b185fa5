"""The scored records of a unit as columns of numbers and text, which are stored as a part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

from vqrna.variation.alleles import KINDS
from vqrna.variation.effects import Effects
from vqrna.variation.tracks import Owner, Track
from vqrna.variation.vcf import VcfRecord

SCORED, NO_SITE, SKIPPED = "scored", "no site near", "skipped"
"""Verdicts of records: an allele was compared; no evaluated position sees the alleles; no allele
could be used."""

NUMBERS = {
    "allele": np.int64,
    "reverse": np.bool_,
    "modification": np.int64,
    "position": np.int64,
    "ref_probability": np.float64,
    "alt_probability": np.float64,
    "delta": np.float64,
    "log_odds_delta": np.float64,
    "class_index": np.int64,
    "distance": np.int64,
}
"""Columns of effects with numbers, and their types."""

TEXTS = ("gene", "transcript")
"""Columns of effects with text."""


class Verdict(NamedTuple):
    """What happened to a record."""

    verdict: str
    reason: str  # Why alleles are skipped
    left_out: str  # Transcripts that are left out, comma-separated


@dataclass
class EffectColumns:
    """Effects that are collected row by row."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def add(
        self, allele: int, effects: Effects, e: int, track: Track, owners: Sequence[Owner]
    ) -> None:
        """Add effect `e` of an allele, a row for each gene."""
        anchor = int(effects.anchor[e])
        place = int(track.places(np.array(anchor)))
        if effects.ref[e] < 0 and track.reverse:
            place -= 1  # inserted bases: of the base on their left on the forward strand
        numbers = (
            allele,
            track.reverse,
            int(effects.modification[e]),
            place + 1,
            float(effects.ref_probability[e]),
            float(effects.alt_probability[e]),
            float(effects.delta[e]),
            float(effects.log_odds_delta[e]),
            int(effects.class_index[e]),
            int(effects.distance[e]),
        )
        # Inserted bases share a position; their order on the track decides
        order = place, int(effects.alt[e])
        for gene, transcript in owners:
            self.rows.append((order, numbers, gene, transcript))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the columns, sorted by allele, gene, transcript, position and modification."""

        def key(row: tuple[Any, ...]) -> tuple[Any, ...]:
            order, numbers, gene, transcript = row
            return (numbers[0], gene, transcript, numbers[1], order, numbers[2])

        rows = sorted(self.rows, key=key)
        columns = list(zip(*(row[1] for row in rows), strict=True)) or [()] * len(NUMBERS)
        arrays: dict[str, np.ndarray] = {
            name: np.array(column, dtype=dtype)
            for (name, dtype), column in zip(NUMBERS.items(), columns, strict=True)
        }
        arrays["gene"] = text_array([row[2] for row in rows])
        arrays["transcript"] = text_array([row[3] for row in rows])
        return arrays


class _Alleles(Protocol):
    record: list[int]
    number: list[int]
    names: list[tuple[int, str, str]]
    groups: list[tuple[str, int]]


@dataclass(frozen=True, eq=False)
class VariantPart:
    """Result of a unit of R records with A alleles and E effects."""

    first: int  # Number of the first record
    # verdict, reason, left_out: (R,), text: See :class:`Verdict`
    verdict: np.ndarray
    reason: np.ndarray
    left_out: np.ndarray
    # allele_record: (A,), int64: Index of the record in the unit; allele_number: of the ALT, from 1
    allele_record: np.ndarray
    allele_number: np.ndarray
    # pos, ref, alt: (A,): Normalised
    pos: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    # kind, size: (A,), int64: Index in :data:`KINDS`, and size class
    kind: np.ndarray
    size: np.ndarray
    effects: dict[str, np.ndarray]  # `NUMBERS` and `TEXTS`; ``allele`` is an index of the above

    @classmethod
    def of(
        cls,
        records: Sequence[VcfRecord],
        verdicts: Sequence[Verdict],
        alleles: _Alleles,
        effects: EffectColumns,
    ) -> VariantPart:
        """Collect the results of a unit."""
        return cls(
            records[0].number if records else 0,
            text_array([each.verdict for each in verdicts]),
            text_array([each.reason for each in verdicts]),
            text_array([each.left_out for each in verdicts]),
            np.array(alleles.record, dtype=np.int64),
            np.array(alleles.number, dtype=np.int64),
            np.array([name[0] for name in alleles.names], dtype=np.int64),
            text_array([name[1] for name in alleles.names]),
            text_array([name[2] for name in alleles.names]),
            np.array([KINDS.index(kind) for kind, _ in alleles.groups], dtype=np.int64),
            np.array([size for _, size in alleles.groups], dtype=np.int64),
            effects.arrays(),
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return all columns by name."""
        own = {name: getattr(self, name) for name in _COLUMNS}
        effects = {f"effect_{name}": column for name, column in self.effects.items()}
        return {"first": np.array(self.first), **own, **effects}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> VariantPart:
        """Return the part of :meth:`to_arrays`. Raises KeyError if a column is missing."""
        effects = {name: arrays[f"effect_{name}"] for name in (*NUMBERS, *TEXTS)}
        columns: dict[str, Any] = {name: arrays[name] for name in _COLUMNS}
        return cls(first=int(arrays["first"]), **columns, effects=effects)


_COLUMNS = (
    "verdict", "reason", "left_out", "allele_record", "allele_number", "pos", "ref", "alt", "kind",
    "size",
)  # fmt: skip


def text_array(values: Sequence[str]) -> np.ndarray:
    """Return text as an array without objects, which can be stored without pickle."""
    return np.array(values, dtype=np.str_) if values else np.empty(0, dtype="U1")
