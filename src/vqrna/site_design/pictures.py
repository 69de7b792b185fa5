"""Pictures of designs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from vqrna.plots.haplotypes import AlignedPair, haplotype_figure
from vqrna.runtime.provenance import signature
from vqrna.sequence import decode
from vqrna.site_design.outcome import Outcome, effect_rows
from vqrna.variation.settings import VariantSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def design_figure(
    outcome: Outcome,
    tokens: np.ndarray,
    settings: VariantSettings,
    title: str,
    subtitle: str,
    model_hash: str,
) -> Figure:
    """Draw a design: probabilities before and after, and the edited bases."""
    modifications = settings.modifications
    symbols = [m.symbol for m in modifications]
    rows = effect_rows(outcome, 1, tokens, symbols, everything=True)
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
    position = np.arange(1, len(tokens) + 1, dtype=np.int64)
    pair = AlignedPair(subtitle, decode(tokens), decode(edited), position, sites)
    return haplotype_figure(
        [pair], modifications, title, settings.min_probability,
        names=("original", "edited"), axis="position (nt)",
        remark=signature(model_hash),
    )  # fmt: skip
