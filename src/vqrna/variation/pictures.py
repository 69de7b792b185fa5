"""Pictures of variants: both sequences, their probabilities and the edited bases."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vqrna.errors import UsageError
from vqrna.model import Model
from vqrna.runtime.files import OutputFiles
from vqrna.runtime.progress import progress
from vqrna.runtime.provenance import signature
from vqrna.sequence import centre, decode
from vqrna.variation.scoring import Evaluated, evaluate, place, place_alleles
from vqrna.variation.settings import VariantRules, VariantSettings
from vqrna.variation.track_source import TrackSource
from vqrna.variation.vcf import VcfRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vqrna.plots.haplotypes import AlignedPair

MOST_TRACKS = 4
"""Strands, genes or transcripts of a record that are drawn: those that change most."""

_PREFIX = "variant_"
_SHOWN = 24
"""Most letters of an allele in a title."""


@dataclass(frozen=True, eq=False)
class VariantPictures:
    """Draws records with a model."""

    source: TrackSource
    model: Model
    settings: VariantSettings
    records: Sequence[VcfRecord]

    def figure(self, record: VcfRecord) -> Figure:
        """Draw a record: one section per allele and strand, gene or transcript with changes.

        Without changes, the first one is drawn. Raises UsageError if no allele can be drawn.
        """
        from vqrna.plots.haplotypes import haplotype_figure

        half, rules = centre(self.model.length), VariantRules(self.model, self.settings)
        drawn: list[tuple[float, AlignedPair]] = []
        reasons: list[str] = []
        with self.source.genome.reader() as reader:
            for each in place_alleles(record, self.source, reader, self.settings, half):
                reasons += [each.reason] if each.reason else []
                alt = record.alts[each.number - 1] if len(record.alts) > 1 else ""
                placed = [place(each.number, target, reader, half) for target in each.targets]
                for evaluated in evaluate(placed, reader, rules, half, everything=True):
                    change = float(np.abs(evaluated.comparison.effects.delta).max(initial=0))
                    drawn.append((change, self._pair(evaluated, alt)))
        if not drawn:
            reason = ", ".join(dict.fromkeys(reasons)) or "no site near"
            raise UsageError(f"record {record.place} cannot be drawn: {reason}")
        drawn.sort(key=lambda each: -each[0])
        moved = [pair for change, pair in drawn if change >= self.settings.min_delta]
        pairs = moved[:MOST_TRACKS] or [drawn[0][1]]
        words = f"{_cut(record.ref)}>{_cut(','.join(record.alts))}".upper()
        title = f"{record.chrom}:{record.pos:,} {words}"
        title += f" ({record.id})" if record.id not in (".", "") else ""
        if len(moved) > MOST_TRACKS:
            title += f", {MOST_TRACKS} of {len(moved)} sequences that change"
        return haplotype_figure(
            pairs, self.settings.modifications, title, self.settings.min_probability,
            remark=signature(self.model.hash),
        )  # fmt: skip

    def _pair(self, evaluated: Evaluated, alt: str) -> AlignedPair:
        """Return what is drawn of an allele on a track."""
        from vqrna.plots.haplotypes import AlignedPair

        c, track = evaluated.comparison, evaluated.track
        a = c.alignment
        at = a.anchor + c.start
        inside = np.ones(len(at), dtype=bool)
        if not track.circular:
            # Inserted bases are at the base before them, which an insertion at the start lacks
            inside = ((at >= 0) & (at < track.length)) | (a.ref < 0)
        position = np.zeros(len(at), dtype=np.int64)
        bases = inside & (a.ref >= 0)
        position[bases] = track.places(at[bases]) + 1
        ref, letters = (
            np.where(index < 0, "-", np.array(list(decode(tokens) + "-"))[index])
            for index, tokens in ((a.ref, c.ref), (a.alt, c.alt))
        )
        e = c.effects
        of_ref, of_alt = (np.full(len(tokens) + 1, -1) for tokens in (c.ref, c.alt))
        of_ref[a.ref], of_alt[a.alt] = np.arange(len(at)), np.arange(len(at))
        column = np.where(e.ref >= 0, of_ref[e.ref], of_alt[e.alt])
        shown = np.cumsum(inside) - 1
        symbols = np.array([m.symbol for m in self.settings.modifications], dtype=object)
        sites = pd.DataFrame({
            "column": shown[column],
            "modification": symbols[e.modification],
            "ref_probability": e.ref_probability,
            "alt_probability": e.alt_probability,
            "delta": e.delta,
            "moved": np.abs(e.delta) >= self.settings.min_delta,
            "target": False,
        })[inside[column]].reset_index(drop=True)  # fmt: skip
        moved = np.flatnonzero(np.abs(e.delta) >= self.settings.min_delta)
        owners = track.owners(int(e.anchor[moved[0]])) if len(moved) else []
        names = " ".join(dict.fromkeys(name for owner in owners[:1] for name in owner if name))
        words = [alt and f"allele {_cut(alt)}", names, "reverse strand" if track.reverse else
                 "forward strand"]  # fmt: skip
        return AlignedPair(
            ", ".join(word for word in words if word), "".join(ref[inside]),
            "".join(letters[inside]), position[inside], sites,
        )  # fmt: skip


def write_pictures(files: OutputFiles, pictures: VariantPictures, show_progress: bool) -> None:
    """Draw all records of `pictures` as ``variant_01_chr1_1000.png`` and ``.svg``."""
    from vqrna.plots.style import save_figure

    count = len(pictures.records)
    with progress(count, "pictures", unit="records", show=show_progress) as bar:
        for number, record in enumerate(pictures.records, start=1):
            safe = re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{record.chrom}_{record.pos}")[:80]
            stem = f"{_PREFIX}{number:02d}_{safe}"
            path = files.path(f"{stem}.png")
            files.path(f"{stem}.svg")
            save_figure(pictures.figure(record), path)
            bar.advance()


def is_picture(name: str) -> bool:
    """Return whether a file of a run is a picture."""
    return bool(re.fullmatch(rf"{_PREFIX}\d+_[A-Za-z0-9_.-]+\.(png|svg)", name))


def _cut(letters: str) -> str:
    return letters if len(letters) <= _SHOWN else f"{letters[: _SHOWN - 1]}…"
