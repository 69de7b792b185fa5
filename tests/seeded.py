"""A tiny model that calls some sites: its network saw nothing, its measures are made by hand."""

from __future__ import annotations

import dataclasses
import functools
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from tiny import fresh, random_tokens, tiny
from vqrna.model import TrainedModel
from vqrna.modifications import Modification
from vqrna.sequence import decode
from vqrna.stats.calibration import Calibration, log_odds
from vqrna.stats.null_distribution import NullDistribution
from vqrna.stats.scan_calibration import WINDOW_KINDS, Curve, ScanCalibration
from vqrna.stats.tiers import PROBABILITIES, TIERS, TierMeaning

SYMBOLS = ("Am", "m6A", "m6Am", "Psi")
LENGTH = 71


def reaching(modification: Modification, thresholds: np.ndarray) -> Curve:
    """A curve that reaches the tiers at three rising logits, and a probability of 0.9."""
    values = log_odds(np.array([*PROBABILITIES, 0.9])) - log_odds(modification.prior)
    return Curve(np.append(thresholds, 2 * thresholds[2] - thresholds[0]), values)


@functools.cache
def calling_model(seed: int = 0) -> TrainedModel:
    """A model whose scores spread from 0 to 1 over random sequence, with tiers and nulls of it.

    Of its candidates some 10 % reach ``low``, 3 % ``medium`` and 1 % ``high``; where the window
    reaches beyond an end, half as many, and near an end a quarter.
    """
    model = fresh(tiny(length=LENGTH, codebook_size=64), SYMBOLS, seed)
    with torch.no_grad():
        for name, weights in model.network.named_parameters():
            if name.startswith("head.") and weights.ndim > 1:
                weights.mul_(8)  # else all positions score nearly the same
    tokens = random_tokens(1, 20_000, seed=7)[0]
    logits = model.scan(tokens)
    of_type = [logits[m.candidates(tokens), k] for k, m in enumerate(model.modifications)]
    slope = np.array([2 / x.std() for x in of_type])
    whole, cut, edge = (
        np.array([np.quantile(x, 1 - share * np.array([0.1, 0.03, 0.01])) for x in of_type])
        for share in (1, 0.5, 0.25)
    )
    return dataclasses.replace(
        model,
        calibration=Calibration(slope, np.array([-2 * x.mean() / x.std() for x in of_type]), "me"),
        scan_calibration=ScanCalibration(
            tuple(
                tuple(
                    reaching(model.modifications[k], thresholds[k])
                    for thresholds in (whole, cut, edge)
                )
                for k in range(len(of_type))
            ),
            "positions",
        ),
        tiers=tuple(
            TierMeaning(m.symbol, tier, kind, 0.5 - 0.1 * t, 0.2, 0.3, 1.5, float("nan"))
            for m in model.modifications
            for kind in WINDOW_KINDS
            for t, tier in enumerate(TIERS)
        ),
        off_site=tuple(NullDistribution.from_logits(x[::2], 10_000) for x in of_type),
        shuffled=tuple(NullDistribution.from_logits(x[1::2], 10_000) for x in of_type),
        off_site_cut=tuple(NullDistribution.from_logits(x[:900], 10_000) for x in of_type),
        shuffled_cut=tuple(NullDistribution.from_logits(x[900:1800], 10_000) for x in of_type),
        training={
            "command": "vqrna train --data data --out run",
            "best_epoch": 3,
            "epochs": 5,
            "labels": {"Am": {"train": [1200, 1100], "valid": [30, 20]}},
            "validation": {"Am": {"auroc": 0.91, "acc": 0.82, "mcc": 0.6}},
        },
        hash=f"seeded{seed}",
    )


def letters(length: int, seed: int = 0, ambiguous: float = 0.0) -> str:
    """A random sequence."""
    return decode(random_tokens(1, length, seed, ambiguous)[0])


def write_fasta(path: Path, records: Mapping[str, str]) -> Path:
    """Write records as they are, each sequence in one line."""
    path.write_text("".join(f">{name}\n{letters}\n" for name, letters in records.items()))
    return path


def read_table(text: str) -> pd.DataFrame:
    """Read what `vqrna predict` wrote; an empty name stays a word."""
    return pd.read_csv(io.StringIO(text), sep="\t", keep_default_na=False)


def files_in(folder: Path) -> list[str]:
    """All files below a folder, hidden ones too, by their names relative to it."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
