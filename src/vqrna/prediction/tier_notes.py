"""Notes on modifications of which no site can reach the wanted confidence."""

from __future__ import annotations

from vqrna.model import Model
from vqrna.prediction.settings import Settings
from vqrna.stats.scan_calibration import FEWEST_SITES
from vqrna.stats.tiers import PROBABILITIES, tier_index


def tier_notes(model: Model, settings: Settings) -> tuple[str, ...]:
    """Return a note on modifications without calibration and one on those of low probability.

    The highest probability of a modification depends on the model and the prior.
    """
    if settings.confidence is None:
        return ()
    notes = []
    symbols = [m.symbol for m in settings.modifications]
    measured = model.scan_calibration.measured[settings.columns]
    names = [symbol for symbol, known in zip(symbols, measured, strict=True) if not known]
    if names:
        notes.append(
            f"{', '.join(names)}: this model has no calibration for scans, so no site reaches a "
            "confidence tier; use --threshold, --min-probability or --top (a calibration needs at "
            f"least {FEWEST_SITES} modified validation windows: vqrna model calibrate)"
        )
    tier = tier_index(settings.confidence)
    highest = model.scan_calibration.highest(settings.columns, settings.priors)
    names = [
        f"{symbol} {p:.2g}"
        for symbol, p in zip(symbols, highest.tolist(), strict=True)
        if p < PROBABILITIES[tier]
    ]
    if names:
        lower = "--confidence low, " if tier else ""
        notes.append(
            f"no site of these modifications can reach {settings.confidence} confidence (a "
            f"probability of {PROBABILITIES[tier]:.2g}) with this model, which states at most: "
            f"{', '.join(names)}; use {lower}--top or --min-probability"
        )
    return tuple(notes)
