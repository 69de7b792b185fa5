"""The effects of variants: tables, counts and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from vqrna.errors import UsageError
from vqrna.variation.pictures import VariantPictures

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class VariantEffects:
    """Effects of variants.

    Attributes
    ----------
    effects : pandas.DataFrame, or None
        One row for each allele, gene, site and modification, with the columns
        :data:`vqrna.variation.output.COLUMNS`: ``pos``, ``ref`` and ``alt`` of the normalised
        allele, ``position`` 1-based in the reference, probabilities at the prior, ``class`` one of
        gain, loss, strengthened, weakened, ``distance`` in nt along the transcript (negative: the
        edit is on the 5' side), ``p_value`` against random variants. None if they were written to
        files.
    records : pandas.DataFrame, or None
        One row a record of the VCF: ``verdict`` is scored, no site near, or skipped, with a
        ``reason``. ``left_out``: transcripts of which an allele crosses an end of an exon.
    summary : pandas.DataFrame
        Number of effects by modification and class.
    verdicts, reasons : dict of str to int
        Number of records by verdict, and of skipped alleles by reason.
    paths : tuple of pathlib.Path
        Written files, the effects first.
    notes : tuple of str
        Notes for the user.
    largest : tuple of int
        Numbers (from 0, in the order of the file) of the records that change a probability most,
        the largest change first; at most :data:`vqrna.variation.output.LARGEST`.
    """

    effects: pd.DataFrame | None
    records: pd.DataFrame | None
    summary: pd.DataFrame
    verdicts: Mapping[str, int]
    reasons: Mapping[str, int]
    paths: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    largest: tuple[int, ...] = ()
    pictures: VariantPictures | None = None

    def plot(self, record: int | None = None) -> Figure:
        """Draw a record: both sequences with the probabilities around it, on each strand or gene.

        Parameters
        ----------
        record : int, optional
            Row of `records`, from 0; the record that changes a probability most if not given.

        Raises
        ------
        UsageError
            If there is no record of this number, it was skipped, or the results are in files.
        """
        if self.pictures is None:
            raise UsageError("the results were written to files: draw them with --plot")
        if record is None:
            if not self.largest:
                raise UsageError("no record changes a site: select one to draw it")
            record = self.largest[0]
        if not 0 <= record < len(self.pictures.records):
            count = len(self.pictures.records)
            raise UsageError(f"invalid record {record} (there are {count:,}, counted from 0)")
        return self.pictures.figure(self.pictures.records[record])
