"""From cells to a table: every variant on every type, with intervals and honest comparisons."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student

from vqrna.errors import DataError
from vqrna.stats.bootstrap import LEVEL
from vqrna.studies.cells import Cell, Identity

METRICS = ("auroc", "auprc", "acc", "mcc")
"""Measures that the table holds."""

WINDOWS = ("all", "non_overlapping")
"""All validation windows, and those that overlap no training window."""

ONE_SEED = "windows resampled in clusters; one seed, so the spread between seeds is not in it"
SEVERAL_SEEDS = "windows resampled in clusters, and the spread between {} seeds"

COLUMNS = (
    "study", "model", "variant", "length", "joint", "epochs", "modification", "windows", "n_pos",
    "n_neg", "metric", "value", "low", "high", "seeds", "interval", "seconds",
)  # fmt: skip


class Difference(NamedTuple):
    """How much better one variant is than another (AUROC), with its interval.

    ``paired`` tells whether the same resamples of the same windows were compared; if not, the two
    count as different only where their own intervals do not overlap.
    """

    value: float
    low: float
    high: float
    paired: bool

    @property
    def told_apart(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0


def series(identity: Identity) -> tuple[object, ...]:
    """Tell what has to be the same for cells to stand in one table."""
    rest: object = identity.epochs
    if identity.study == "lengths":  # nothing but the length may differ
        model = {**identity.config["model"], "length": None}
        rest = json.dumps([identity.config | {"model": model}, identity.joint], sort_keys=True)
    known = (identity.study, identity.model, identity.types, identity.data, identity.split)
    return (*known, rest)


def check_one_series(cells: Sequence[Cell]) -> None:
    """Make sure that cells can be compared.

    Raises
    ------
    DataError
        If there are none, or they are of different types, data, models, numbers of epochs.
    """
    if not cells:
        raise DataError("there are no cells yet")
    told = {series(c.identity) for c in cells}
    names = {(c.identity.variant, c.identity.seed) for c in cells}
    if len(told) > 1 or len(names) < len(cells):
        epochs = ", ".join(sorted({str(c.identity.epochs) for c in cells}))
        kinds = "; ".join(sorted({" ".join(c.identity.types) for c in cells}))
        raise DataError(
            "the folder holds cells of several studies that make no one table "
            f"(epochs: {epochs}; types: {kinds}): name one with the options that began it"
        )


def tabulate(cells: Sequence[Cell]) -> pd.DataFrame:
    """Give the table of a study: a row a variant, type, set of windows and measure.

    The value is the mean over seeds. Its interval is that of the resampled windows; with several
    seeds the t interval of their mean is added to it, as independent errors add up.

    Parameters
    ----------
    cells : sequence of Cell
        Of one series; variants stand in the order in which they come.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`. ``mean`` is the mean over the types.
    """
    rows = []
    for variant, own in by_variant(cells).items():
        first = own[0].identity
        model = first.config.get("model", {})
        for symbol in _symbols(first):
            for windows in WINDOWS:
                counts = _counts(own[0], symbol, windows)
                for metric in METRICS:
                    value, low, high = _together([_score(c, symbol, metric, windows) for c in own])
                    how = SEVERAL_SEEDS.format(len(own)) if len(own) > 1 else ONE_SEED
                    seconds = float(np.mean([c.seconds for c in own]))
                    rows.append(
                        (first.study, first.model, variant, model.get("length"), first.joint,
                         first.epochs, symbol, windows, *counts, metric, value, low, high,
                         len(own), how, round(seconds, 1))
                    )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def difference(one: Sequence[Cell], other: Sequence[Cell], symbol: str, windows: str) -> Difference:
    """Compare the AUROC of two variants on one type: `one` less `other`.

    Parameters
    ----------
    one, other : sequence of Cell
        The seeds of each.
    symbol, windows : str
        Which type (or ``mean``) and which windows.
    """
    ours = {c.identity.seed: c for c in one}
    theirs = {c.identity.seed: c for c in other}
    seeds = sorted(ours.keys() & theirs.keys())
    pairs = [(_resampled(ours[s], symbol, windows), _resampled(theirs[s], symbol, windows))
             for s in seeds]  # fmt: skip
    same = {c.identity.data for c in (*one, *other)}
    if pairs and len(same) == 1 and all(len(a) == len(b) > 1 for a, b in pairs):
        values = [
            _score(ours[s], symbol, "auroc", windows)[0]
            - _score(theirs[s], symbol, "auroc", windows)[0]
            for s in seeds
        ]
        samples = np.mean([a - b for a, b in pairs], axis=0)
        value = float(np.mean(values))
        spread = float(np.nanstd(samples, ddof=1)) * 1.96 if not np.isnan(samples).all() else np.nan
        half = math.hypot(spread, _seed_half_width(values))
        return Difference(value, value - half, value + half, True)
    a = _together([_score(c, symbol, "auroc", windows) for c in one])
    b = _together([_score(c, symbol, "auroc", windows) for c in other])
    return Difference(a[0] - b[0], a[1] - b[2], a[2] - b[1], False)


class Best(NamedTuple):
    """Which variant serves a type best, and which others cannot be told from it."""

    variant: str
    value: float
    low: float
    high: float
    tied: tuple[str, ...]


def best(cells: Sequence[Cell], symbol: str, windows: str) -> Best | None:
    """Find the variant with the highest AUROC on a type; None if none has a value."""
    kinds = by_variant(cells)
    values = {
        name: _together([_score(c, symbol, "auroc", windows) for c in own])
        for name, own in kinds.items()
    }
    values = {name: found for name, found in values.items() if not math.isnan(found[0])}
    if not values:
        return None
    top = max(values, key=lambda name: values[name][0])
    tied = tuple(
        name
        for name in values
        if name != top and not difference(kinds[top], kinds[name], symbol, windows).told_apart
    )
    return Best(top, *values[top], tied)


def by_variant(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Put the seeds of each variant together."""
    found: dict[str, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell.identity.variant, []).append(cell)
    return found


def _symbols(identity: Identity) -> tuple[str, ...]:
    return (*identity.types, "mean") if len(identity.types) > 1 else identity.types


def _together(found: Sequence[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Mean over seeds, with the errors of windows and of seeds added."""
    values, lows, highs = np.array(found).T
    value = float(values.mean())
    more = _seed_half_width(values)
    below, above = value - float(lows.mean()), float(highs.mean()) - value
    return value, value - math.hypot(below, more), value + math.hypot(above, more)


def _seed_half_width(values: Sequence[float] | np.ndarray) -> float:
    """Half the width of the t interval of a mean over seeds; 0 for one seed."""
    k = len(values)
    if k < 2:
        return 0.0
    quantile = float(student.ppf((1 + LEVEL) / 2, k - 1))
    return quantile * float(np.std(values, ddof=1)) / math.sqrt(k)


def _score(cell: Cell, symbol: str, metric: str, windows: str) -> tuple[float, float, float]:
    try:
        return cell.score(symbol, metric, windows=windows)
    except KeyError:
        return float("nan"), float("nan"), float("nan")


def _row(cell: Cell, symbol: str, windows: str) -> dict[str, object]:
    wanted = (symbol, windows, "random", "none")
    keys = ("modification", "windows", "negatives", "flanks")
    return next((r for r in cell.scores if tuple(r[k] for k in keys) == wanted), {})


def _counts(cell: Cell, symbol: str, windows: str) -> tuple[object, object]:
    row = _row(cell, symbol, windows)
    return row.get("n_pos"), row.get("n_neg")


def _resampled(cell: Cell, symbol: str, windows: str) -> np.ndarray:
    kept = _row(cell, symbol, windows).get("resampled_auroc") or []
    assert isinstance(kept, list)
    return np.array([float("nan") if x is None else x for x in kept])
