"""Make one cell: fit a model on one split with one seed, and score held-back windows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.quality.models import Spec
from benchmarks.quality.networks import one_by_one, scored, trained, trained_before
from benchmarks.quality.tasks import PUBLIC, Key, Task, comparisons

import vqrna
from vqrna.config import effective
from vqrna.evaluation import NINE
from vqrna.evaluation.localisation import localise
from vqrna.evaluation.positions import ScorePositions, dense, window_by_window
from vqrna.modifications import Modification
from vqrna.runtime.files import atomic_path
from vqrna.runtime.provenance import git_commit, machine_facts
from vqrna.stats.metrics import ranking
from vqrna.studies import CellStore, Identity, StudyCell, attempt

STUDY = "quality"
LIMIT = {True: 60, False: 30}
"""Windows per type in which sites are ranked: in the public split, and in each fold."""


@dataclass(frozen=True)
class Job:
    """A requested cell.

    Parameters
    ----------
    spec : Spec
    split : str
    seed : int
    types : tuple of str
    epochs : int, optional
        Override those of the configuration; part of the identity of the cell.
    """

    spec: Spec
    split: str
    seed: int
    types: tuple[str, ...]
    epochs: int | None = None

    def identity(self, data: str) -> Identity:
        """Return everything that determines the scores of the cell."""
        settings: dict[str, Any] = dict(self.spec.settings or {})
        if self.spec.config is not None:
            settings = effective(self.spec.configured(self.seed, self.epochs))
            settings["training"].pop("seed")
        return Identity(
            STUDY,
            self.spec.name,
            self.split,
            settings,
            self.seed,
            self.types,
            data,
            self.split,
            self.spec.joint,
        )

    @property
    def minutes(self) -> float:
        """Approximate time in core-minutes."""
        if self.spec.config is None:
            return self.spec.minutes
        config = self.spec.configured(self.seed, self.epochs)
        share = 1.0 if self.spec.joint else len(self.types) / 11
        return self.spec.minutes * config.training.epochs * share


def make(
    job: Job,
    task: Task,
    data: str,
    store: CellStore,
    runs: Path,
    *,
    device: str = "cpu",
    command: str = "",
    weights: Path | None = None,
    show_progress: bool = False,
) -> StudyCell:
    """Return a cell from the store, or make it; training resumes from a checkpoint.

    Parameters
    ----------
    job : Job
    task : Task
        Of the job's split.
    data : str
        Name of the windows.
    store : CellStore
        Scores of single windows are kept beside the cell, in a file with its name.
    runs : pathlib.Path
        Where networks are trained.
    device : str
    command : str
        Recorded in the cell.
    weights : pathlib.Path, optional
        An already trained network with the settings and windows of the job.
    show_progress : bool
    """
    identity = job.identity(data)
    folder = runs / identity.name

    def work() -> StudyCell:
        with job.spec.changed():
            return measured()

    def measured() -> StudyCell:
        started = time.monotonic()
        columns = [task.train.modifications.index(m) for m in _kinds(task, job.types)]
        if job.spec.fit is not None:
            fitted = job.spec.fit(task.train, columns, job.seed)
            logits = {}
            for symbol in job.types:
                rows = task.known(symbol)
                logits[symbol] = fitted.of_type(task.held.tokens[rows], symbol)
            at = window_by_window(lambda w, m: fitted.of_type(w, m.symbol), fitted.length)
            more: dict[str, Any] = {"windows": {"train": len(task.train)}}
        else:
            config = job.spec.trained(job.seed, job.epochs)
            if weights is not None:
                model, more = trained_before(config, task, job.types, weights, device)
            else:
                only = None if job.spec.joint else columns[0]
                model, more = trained(
                    config, task, only, folder, device, show_progress=show_progress
                )
            logits = scored(model, task, job.types)
            at = dense(model) if job.spec.scans else one_by_one(model)
        kept = {f"logit_{s}": np.clip(x, -6e4, 6e4).astype(np.float16) for s, x in logits.items()}
        if job.spec.localises:
            results, ranks = locate(at, task, job.types)
            more["localisation"] = results
            kept |= ranks
        with atomic_path(logits_path(store, identity)) as temporary:
            np.savez_compressed(temporary, **kept)
        return StudyCell(
            identity=identity,
            scores=scores(task.key, task.fold, kept, job.types),
            seconds=round(time.monotonic() - started, 1),
            machine=machine_facts(device),
            version=vqrna.__version__,
            commit=git_commit(),
            command=command,
            date=datetime.now(UTC).date().isoformat(),
            more=more,
        )

    store.folder.mkdir(parents=True, exist_ok=True)
    return attempt(identity, folder, store, work)


def logits_path(store: CellStore, identity: Identity) -> Path:
    """Return the path of the scores of single windows of a cell."""
    return store.path(identity).with_suffix(".npz")


def scores(
    key: Key, fold: int, kept: dict[str, np.ndarray], types: Sequence[str]
) -> list[dict[str, Any]]:
    """Return AUROC and AUPRC by type, computed from the kept scores in half precision."""
    results, means = [], {}
    for symbol in types:
        rows = key.rows(symbol, fold)
        for name, chosen in comparisons(key, symbol):
            for windows in ("all", "non_overlapping"):
                used = chosen[rows] & (key.apart[rows] if windows != "all" else True)
                labels = (key.labels[rows, key.symbols.index(symbol)] == 1)[used]
                values = kept[f"logit_{symbol}"].astype(np.float64)[used]
                auroc, auprc = (float(x[0]) for x in ranking(labels, values, _ones(labels)))
                hard = name != symbol
                row: dict[str, Any] = {
                    "modification": symbol,
                    "windows": windows,
                    "negatives": "hard" if hard else "random",
                    "flanks": "none",
                    "n_pos": int(labels.sum()),
                    "n_neg": int((~labels).sum()),
                    "auroc": _plain(auroc),
                    "auprc": _plain(auprc),
                }
                results.append(row)
                if not hard:
                    means[symbol, windows] = row
    if set(NINE) <= set(types):
        for windows in ("all", "non_overlapping"):
            nine = [means[symbol, windows] for symbol in NINE]
            mean = {
                m: _plain(float(np.mean([row[m]["value"] for row in nine])))
                for m in ("auroc", "auprc")
            }
            counts = {n: sum(row[n] for row in nine) for n in ("n_pos", "n_neg")}
            which = {"windows": windows, "negatives": "random", "flanks": "none"}
            results.append({"modification": "mean9", **which, **counts, **mean})
    return results


def locate(
    at: ScorePositions, task: Task, types: Iterable[str]
) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
    """Rank sites within held-back windows that overlap no training window.

    Returns
    -------
    results : dict of str to dict
        For each type ``n`` windows, the mean ``auroc`` within a window, the median ``percentile``
        of the site, the share that is ``first``.
    ranks : dict of str to np.ndarray
        For each type the rows of the key (``row_``) and the AUROC within each (``within_``).
    """
    apart = np.flatnonzero(task.key.apart[task.rows])
    windows = task.held.take(apart)
    result = localise(
        at,
        windows,
        modifications=_kinds(task, types),
        known=(task.held, task.train),
        limit=LIMIT[task.name == PUBLIC],
        resamples=0,
    )
    results, ranks = {}, {}
    for name, of_type in result.ranks.groupby("modification", sort=False):
        values = of_type["auroc"].to_numpy(dtype=float)
        results[str(name)] = {
            "n": len(values),
            "auroc": round(float(values.mean()), 5),
            "percentile": round(float(100 * np.median(values)), 3),
            "first": round(float(of_type["first"].mean()), 5),
        }
        ranks[f"row_{name}"] = task.rows[apart[of_type["row"].to_numpy(dtype=int)]].astype(np.int32)
        ranks[f"within_{name}"] = values.astype(np.float16)
    return results, ranks


def _kinds(task: Task, types: Iterable[str]) -> list[Modification]:
    wanted = set(types)
    return [m for m in task.train.modifications if m.symbol in wanted]


def _ones(labels: np.ndarray) -> np.ndarray:
    return np.ones((1, len(labels)))


def _plain(value: float) -> dict[str, float | None]:
    return {"value": None if math.isnan(value) else round(value, 5), "low": None, "high": None}
