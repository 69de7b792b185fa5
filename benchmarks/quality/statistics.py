"""Measures of kept scores with intervals from resampled clusters, and paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from benchmarks.quality.kept import WHERE, KeptCells, Scored
from benchmarks.quality.tasks import FOLDS, PUBLIC, Key, comparisons

from vqrna.evaluation import NINE
from vqrna.stats.bootstrap import RESAMPLES, draw, interval
from vqrna.stats.calibration import fit_line
from vqrna.stats.metrics import ranking

MEASURES = ("auroc", "auprc", "acc")
LOCALISATION = ("within", "percentile", "first")
MEAN = "mean9"

_BLOCK = 500_000


@dataclass(frozen=True, eq=False)
class Value:
    """One measure of one model.

    Attributes
    ----------
    samples : np.ndarray, shape (1 + R,)
        Of the windows as they are, then of each resample; means over the seeds.
    by_seed : np.ndarray, shape (S,)
        Of the windows as they are, for each seed.
    seeds : tuple of int
        Which these are.
    fixed : bool
        Whether the value does not depend on the seed.
    """

    samples: np.ndarray
    by_seed: np.ndarray
    seeds: tuple[int, ...] = ()
    fixed: bool = False

    @property
    def value(self) -> float:
        """Value of the windows, without resampling."""
        return float(self.samples[0])

    @property
    def bounds(self) -> tuple[float, float]:
        """Interval of the resamples."""
        return interval(self.samples[1:])

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds; nan for fewer than two."""
        return float(self.by_seed.std(ddof=1)) if len(self.by_seed) > 1 else float("nan")

    def __sub__(self, other: Value) -> Value:
        """Return the paired difference: all models share the resamples."""
        return Value(self.samples - other.samples, np.empty(0))


@dataclass
class Measured:
    """All measures of all models.

    Attributes
    ----------
    values : dict of (str, str, str, str, str) to Value
        By model, place (``public``, ``folds``), windows (``all``, ``non_overlapping``), type
        (``m6A-hard`` and ``mean9`` among them) and measure.
    """

    values: dict[tuple[str, str, str, str, str], Value] = field(default_factory=dict)

    def get(
        self, model: str, where: str, name: str, measure: str = "auroc", windows: str = "all"
    ) -> Value | None:
        """Return a value, if it was measured."""
        return self.values.get((model, where, windows, name, measure))


def measure_all(gathered: KeptCells, resamples: int = RESAMPLES) -> Measured:
    """Measure every model with complete results.

    Parameters
    ----------
    gathered : KeptCells
    resamples : int
        Of clusters; the draws are the same for all models and types.
    """
    measured = Measured()
    for where, key in gathered.keys.items():
        number = np.unique(key.cluster, return_inverse=True)[1].reshape(-1)
        draws = draw(int(number.max()) + 1, resamples, seed=0)
        for model in gathered.models:
            for symbol in key.symbols:
                _measure_type(measured, model, where, key, symbol, number, draws)
            windows_of = ("all", "non_overlapping") if where == PUBLIC else ("all",)
            for windows in windows_of:
                for measure in (*MEASURES, *LOCALISATION):
                    at = [(model.label, where, windows, s, measure) for s in NINE]
                    if all(k in measured.values for k in at):
                        place = (model.label, where, windows, MEAN, measure)
                        measured.values[place] = _mean([measured.values[k] for k in at])
    return measured


def _measure_type(
    measured: Measured,
    model: Scored,
    where: str,
    key: Key,
    symbol: str,
    number: np.ndarray,
    draws: np.ndarray,
) -> None:
    """Measure one type of one model in one place."""
    seeds = model.seeds(symbol, where)
    for name, chosen in comparisons(key, symbol) if seeds else ():
        for windows in ("all", "non_overlapping") if where == PUBLIC else ("all",):
            used = chosen & (key.apart if windows != "all" else True)
            of_seeds = [
                _one_seed(model, where, key, symbol, seed, used, number, draws) for seed in seeds
            ]
            for i, measure in enumerate(MEASURES):
                samples = np.stack([each[i] for each in of_seeds])
                measured.values[model.label, where, windows, name, measure] = Value(
                    samples.mean(axis=0), samples[:, 0], tuple(seeds), not model.spec.seeded
                )
    if located := model.seeds(symbol, where, "within"):
        of_seeds = [_located(model, where, symbol, seed, number, draws) for seed in located]
        windows = "non_overlapping" if where == PUBLIC else "all"
        for i, measure in enumerate(LOCALISATION):
            samples = np.stack([each[i] for each in of_seeds])
            measured.values[model.label, where, windows, symbol, measure] = Value(
                samples.mean(axis=0), samples[:, 0], tuple(located), not model.spec.seeded
            )


def _one_seed(
    model: Scored,
    where: str,
    key: Key,
    symbol: str,
    seed: int,
    used: np.ndarray,
    number: np.ndarray,
    draws: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure AUROC, AUPRC and accuracy, means over the folds: shape (1 + R,) each."""
    labels = key.labels[:, key.symbols.index(symbol)] == 1
    parts = []
    for fold, split in enumerate(WHERE[where]):
        rows = key.rows(symbol, fold)
        kept = used[rows]
        parts.append((rows[kept], model.logits[symbol, seed, split][kept]))
    rows = np.concatenate([r for r, _ in parts])
    logits = np.concatenate([x for _, x in parts])
    part = np.repeat(np.arange(len(parts)), [len(r) for r, _ in parts])
    # One model for all public windows: its line is fitted on four fifths of the clusters in turn
    tested = part if len(parts) > 1 else fifths(number[rows])
    right = called(logits, labels[rows], tested) == labels[rows]
    folds = []
    for fold in range(len(parts)):
        mine = part == fold
        folds.append(
            resampled(labels[rows[mine]], logits[mine], right[mine], number[rows[mine]], draws)
        )
    auroc, auprc, acc = (np.mean([each[i] for each in folds], axis=0) for i in range(3))
    return auroc, auprc, acc


def called(logits: np.ndarray, labels: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Call sites at even odds by a line that was fitted on the other parts.

    Parameters
    ----------
    logits : np.ndarray, shape (N,)
    labels : np.ndarray, shape (N,), bool
    part : np.ndarray, shape (N,), int
        For each part, slope and intercept are those of all the others.

    Returns
    -------
    np.ndarray, shape (N,), bool
    """
    calls = np.zeros(len(logits), dtype=bool)
    for each in np.unique(part):
        mine = part == each
        centre, spread = logits[~mine].mean(), logits[~mine].std() or 1.0  # any unit, such as CpG
        slope, shift = fit_line((logits[~mine] - centre) / spread, labels[~mine])
        calls[mine] = slope * (logits[mine] - centre) / spread + shift >= 0
    return calls


def fifths(cluster: np.ndarray) -> np.ndarray:
    """Divide clusters at random into five parts; the part of each window, shape (N,)."""
    order = np.random.default_rng(0).permutation(int(cluster.max(initial=0)) + 1)
    return order[cluster] % FOLDS


def resampled(
    labels: np.ndarray,
    logits: np.ndarray,
    right: np.ndarray,
    cluster: np.ndarray,
    draws: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """AUROC, AUPRC and accuracy of windows as they are and of each resample: (1 + R,) each."""
    block = max(1, _BLOCK // max(1, len(labels)))
    parts = [_weighted(labels, logits, right, np.ones((1, len(labels))))]
    for start in range(0, len(draws), block):
        weights = draws[start : start + block][:, cluster].astype(np.float64)
        parts.append(_weighted(labels, logits, right, weights))
    auroc, auprc, acc = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return auroc, auprc, acc


def _weighted(
    labels: np.ndarray, logits: np.ndarray, right: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    auroc, auprc = ranking(labels, logits, weights)
    total = weights.sum(axis=1)
    share = np.divide(weights @ right, total, out=np.full(len(total), np.nan), where=total > 0)
    return auroc, auprc, share


def _located(
    model: Scored, where: str, symbol: str, seed: int, number: np.ndarray, draws: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measure localisation of all folds together; only the mean AUROC is resampled."""
    at = [(symbol, seed, split) for split in WHERE[where]]
    values = np.concatenate([model.within[k] for k in at])
    rows = np.concatenate([model.rows[k] for k in at])
    weights = draws[:, number[rows]].astype(np.float64)
    total = weights.sum(axis=1)
    mean = np.divide(weights @ values, total, out=np.full(len(total), np.nan), where=total > 0)
    alone = np.full(len(draws), np.nan)
    return (
        np.concatenate([[values.mean()], mean]),
        np.concatenate([[100 * np.median(values)], alone]),
        np.concatenate([[(values == 1).mean()], alone]),
    )


def _mean(values: Sequence[Value]) -> Value:
    """Average over types inside every resample; over the seeds if all types have the same."""
    samples = np.mean([v.samples for v in values], axis=0)
    seeds = {v.seeds for v in values}
    if len(seeds) > 1:
        return Value(samples, np.empty(0))
    by_seed = np.mean([v.by_seed for v in values], axis=0)
    return Value(samples, by_seed, seeds.pop(), all(v.fixed for v in values))
