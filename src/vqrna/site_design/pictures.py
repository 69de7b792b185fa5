"""Pictures of designs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vqrna.plots.haplotypes import AlignedPair, haplotype_figure
from vqrna.runtime.provenance import signature
from vqrna.sequence import decode
from vqrna.site_design.outcome import effect_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vqrna.site_design.run import SiteDesign


def design_figure(result: SiteDesign, number: int) -> Figure:
    """Draw one design (from 1): probabilities before and after, and the edited bases."""
    outcome, tokens = result.outcomes[number - 1], result.constraints.tokens
    modifications = result.settings.modifications
    symbols = [m.symbol for m in modifications]
    rows = effect_rows(outcome, number, tokens, symbols, everything=True)
    edited = tokens.copy()
    edited[[p for p, _ in outcome.edits]] = [b for _, b in outcome.edits]
    target = rows["target"] == "yes"
    sites = pd.DataFrame({
        "column": rows["position"] - 1,
        "modification": rows["modification"],
        "ref_probability": rows["ref_probability"],
        "alt_probability": rows["alt_probability"],
        "delta": rows["delta"],
        "moved": (rows["delta"].abs() >= outcome.min_delta) | target,
        "target": target,
    })  # fmt: skip
    row = result.designs.iloc[number - 1]
    before, after = outcome.probabilities()
    words = f"{row['edits']}: probability {before:.3g} → {after:.3g}"
    if row["codons"]:
        words += f" · codons {row['codons']}"
    pair = AlignedPair(
        words, decode(tokens), decode(edited), np.arange(1, len(tokens) + 1, dtype=np.int64), sites
    )
    title = f"{result.sequence[:50]}: {result.goal.name} {result.modification} at {result.position:,}"
    if len(result.outcomes) > 1:
        title += f" (design {number})"
    return haplotype_figure(
        [pair], modifications, title, result.settings.min_probability,
        names=("original", "edited"), remark=signature(result.model_hash),
    )  # fmt: skip
