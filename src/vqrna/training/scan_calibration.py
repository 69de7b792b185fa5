"""After training: calibrate the probabilities of scans, and measure what the tiers keep."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from vqrna.data.overlap import clusters
from vqrna.data.windows import Windows
from vqrna.evaluation.mixture import Mixture, collect_mixtures
from vqrna.model import TrainedModel
from vqrna.runtime.progress import progress
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.scan_calibration import WINDOW_KINDS, Curve, ScanCalibration, probabilities
from vqrna.stats.tiers import EDGE, TIERS, TierMeaning, reached_tiers

LIMITS = {"whole": 6000, "cut": 1000, "edge": 3000}
"""Most modified windows, and most unmodified ones, of which all positions are scanned, by kind of
window."""

NOT_DENSE = 40
"""The same for networks that are evaluated window by window."""

REACH = {"whole": 250, "cut": 250, "edge": 2 * EDGE}
"""Largest distance of the surroundings that are scanned, in nt."""

_FITTED_ON = "all positions of validation windows, weighted as in a scan at the priors"


def with_scan_calibration(
    model: TrainedModel,
    train: Windows,
    valid: Windows,
    *,
    known: Sequence[Windows] = (),
    show_progress: bool = True,
) -> TrainedModel:
    """Calibrate the probabilities of scans on validation windows (`vqrna.evaluation.mixture`).

    The rates of the tiers are cross-fitted over clusters of overlapping windows.

    Parameters
    ----------
    model : TrainedModel
        With nulls; only its calibration for scans and the rates of its tiers change.
    train : Windows
        Of all sources: their sites are annotated.
    valid : Windows
    known : sequence of Windows, optional
        More windows whose sites are annotated, such as validation windows of studies. They are
        not scanned: they are too short to show the surroundings of a site.
    """
    mixtures = scan_mixtures(model, train, valid, known=known, show_progress=show_progress)
    curves = tuple(
        _complete([mixtures[kind][m].fit() for kind in WINDOW_KINDS])
        for m in range(len(model.modifications))
    )
    calibration = ScanCalibration(curves, _FITTED_ON if any(curves) else "")
    model = dataclasses.replace(model, scan_calibration=calibration)
    meanings = tuple(
        meaning
        for kind in WINDOW_KINDS
        for m, mixture in enumerate(mixtures[kind])
        if curves[m] is not None
        for meaning in _meanings(model, m, kind, mixture)
    )
    return dataclasses.replace(model, tiers=meanings)


def scan_mixtures(
    model: TrainedModel,
    train: Windows,
    valid: Windows,
    *,
    known: Sequence[Windows] = (),
    kinds: Sequence[str] = WINDOW_KINDS,
    show_progress: bool = True,
) -> dict[str, tuple[Mixture, ...]]:
    """Scan validation windows for the mixtures of each kind of window and type.

    Parameters
    ----------
    kinds : sequence of str
        Kinds of windows to scan; see :func:`with_scan_calibration` for the others.

    Returns
    -------
    dict of str to tuple of Mixture
        By kind of window, one for each type of the model.
    """
    cluster = clusters(valid.tokens)
    dense = model.scans_densely
    total = sum(min(len(valid), 2 * LIMITS[kind] if dense else 2 * NOT_DENSE) for kind in kinds)
    mixtures = {}
    with progress(total, "scan calibration", unit="windows", show=show_progress) as bar:
        for kind in kinds:
            mixtures[kind] = collect_mixtures(
                model,
                valid,
                cluster,
                known=(train, *known),
                window=kind,
                limit=LIMITS[kind] if dense else NOT_DENSE,
                reach=REACH[kind] if dense else 2 * EDGE,
                seed=model.config.training.seed,
                bar=bar,
            )
    return mixtures


def _complete(curves: Sequence[Curve | None]) -> tuple[Curve, ...] | None:
    """Replace missing curves by that of the most similar kind of window; None without any."""
    whole, cut, edge = curves
    whole = whole or cut or edge
    if whole is None:
        return None
    cut = cut or whole
    return whole, cut, edge or cut


def _meanings(model: TrainedModel, m: int, kind: str, mixture: Mixture) -> Iterator[TierMeaning]:
    """Yield the rates of the tiers of a type."""
    modification = model.modifications[m]
    evidence = mixture.cross_fit(seed=model.config.training.seed)
    reached = reached_tiers(probabilities(evidence, modification.prior))
    nulls: dict[str, tuple[tuple[NullDistribution, ...], ...]] = {
        "whole": (model.off_site, model.shuffled),
        "cut": (model.off_site_cut, model.shuffled_cut),
    }
    thresholds = model.thresholds(kind)[m]
    weights, n_sites = mixture.weights(), int(mixture.is_site.sum())
    for t, tier in enumerate(TIERS):
        called = reached > t
        sites = float((called & mixture.is_site).sum())
        recall = sites / n_sites if n_sites else np.nan
        precision = [
            sites / total if (total := float(w[called].sum())) else np.nan for w in weights
        ]
        rates = [
            null[m].calls_per_kb(thresholds[t]) if null else np.nan
            for null in nulls.get(kind, ((), ()))
        ]
        yield TierMeaning(modification.symbol, tier, kind, recall, *precision, *rates)
