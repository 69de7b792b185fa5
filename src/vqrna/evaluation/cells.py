"""Cells of an evaluation: the positives of one type against one set of negatives, measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vqrna.data.windows import Windows
from vqrna.modifications import MODIFICATIONS
from vqrna.stats.bootstrap import Estimate, estimates, resample
from vqrna.stats.metrics import METRICS, measure

KEYS = ("modification", "windows", "negatives", "flanks")
"""Columns of the table that name the windows of a value."""

NINE = tuple(m.symbol for m in MODIFICATIONS if m.in_nine_type_mean)
"""Symbols of the types of which ``mean9`` is the mean."""


@dataclass(frozen=True, eq=False)
class EvaluationCell:
    """Positives of one type against one set of negatives, measured.

    Parameters
    ----------
    modification, windows, negatives, flanks : str
        As in the `KEYS` of the table.
    n_pos, n_neg : int
        Number of positives and negatives.
    values : dict of str to float
        Measures of these windows.
    samples : dict of str to np.ndarray, shape (R,)
        The same measures of each bootstrap resample.
    """

    modification: str
    windows: str
    negatives: str
    flanks: str
    n_pos: int
    n_neg: int
    values: dict[str, float]
    samples: dict[str, np.ndarray]


def known_windows(
    windows: Windows, column: int, apart: np.ndarray | None, cluster: np.ndarray
) -> pd.DataFrame:
    """Return the windows whose label for one type is known; the index is their row."""
    labels = windows.labels[:, column]
    rows = np.flatnonzero(labels != -1)
    sets = np.array([*windows.negative_sets, ""], dtype=object)  # a positive, -1, takes the last
    return pd.DataFrame(
        {
            "window": np.array(windows.names, dtype=object)[rows],
            "label": labels[rows],
            "negatives": sets[windows.negative_set[rows, column]],
            "non_overlapping": pd.array(
                [pd.NA] * len(rows) if apart is None else apart[rows], dtype="boolean"
            ),
            "cluster": cluster[rows],
        },
        index=rows,
    )


def compare(
    scores: pd.DataFrame, negative_sets: Sequence[str], draws: np.ndarray
) -> Iterator[EvaluationCell]:
    """Measure each type against each set of negatives, on all and on non-overlapping windows.

    Parameters
    ----------
    scores : pandas.DataFrame
        As in :class:`vqrna.evaluation.Evaluation`; where ``non_overlapping`` is missing, only all
        windows are measured.
    negative_sets : sequence of str
        A type without windows of the first set has nan for it, and no cell for other sets.
    draws : np.ndarray, shape (R, clusters)
        From :func:`vqrna.stats.bootstrap.draw`.
    """
    window_sets = ["all"] if scores.non_overlapping.isna().any() else ["all", "non_overlapping"]
    for (symbol, flanks), of_type in scores.groupby(["modification", "flanks"], sort=False):
        for negatives in negative_sets:
            against = of_type.negatives == negatives
            if not against.any() and negatives != negative_sets[0]:
                continue
            for windows in window_sets:
                used = of_type[against | (of_type.label == 1)]
                if windows == "non_overlapping":
                    used = used[used.non_overlapping.astype(bool)]
                labels, probabilities = used.label.to_numpy(), used.score.to_numpy()
                n_pos = int((labels == 1).sum())
                yield EvaluationCell(
                    modification=str(symbol),
                    windows=windows,
                    negatives=negatives,
                    flanks=str(flanks),
                    n_pos=n_pos,
                    n_neg=len(labels) - n_pos,
                    values=measure(labels, probabilities),
                    samples=resample(labels, probabilities, used.cluster.to_numpy(), draws),
                )


def means(cells: Sequence[EvaluationCell]) -> Iterator[EvaluationCell]:
    """Average cells over the types, inside every resample.

    ``mean`` is over all types with positives and these negatives, ``mean9`` over `NINE` if all
    have them. If one has them only among overlapping windows, the mean over non-overlapping
    windows is nan: an average over fewer types could not be compared.
    """
    complete: dict[tuple[str, str], set[str]] = {}
    groups: dict[tuple[str, str, str], list[EvaluationCell]] = {}
    for cell in cells:
        if cell.windows == "all" and cell.n_pos and cell.n_neg:
            complete.setdefault((cell.negatives, cell.flanks), set()).add(cell.modification)
        groups.setdefault((cell.windows, cell.negatives, cell.flanks), []).append(cell)
    for (windows, negatives, flanks), members in groups.items():
        types = complete.get((negatives, flanks), set())
        names = {"mean": types} if len(types) > 1 else {}
        if types >= set(NINE):
            names["mean9"] = set(NINE)
        for name, averaged in names.items():
            used = [cell for cell in members if cell.modification in averaged]
            yield EvaluationCell(
                modification=name,
                windows=windows,
                negatives=negatives,
                flanks=flanks,
                n_pos=sum(cell.n_pos for cell in used),
                n_neg=sum(cell.n_neg for cell in used),
                values={m: float(np.mean([cell.values[m] for cell in used])) for m in METRICS},
                samples={m: np.mean([cell.samples[m] for cell in used], axis=0) for m in METRICS},
            )


def look_up(table: pd.DataFrame, **key: str) -> Estimate:
    """Return the value with its interval in the row of a table; KeyError without such a row."""
    for column, wanted in key.items():
        table = table[table[column] == wanted]
    if table.empty:
        raise KeyError(tuple(key.values()))
    return Estimate(*map(float, table.iloc[0][list(Estimate._fields)]))


def tidy(cells: Sequence[EvaluationCell]) -> pd.DataFrame:
    """Return the cells as the table of an evaluation, one row for each value."""
    rows = [
        (*(getattr(cell, key) for key in KEYS), cell.n_pos, cell.n_neg, metric, *estimate)
        for cell in cells
        for metric, estimate in estimates(cell.values, cell.samples).items()
    ]
    return pd.DataFrame(rows, columns=[*KEYS, "n_pos", "n_neg", "metric", *Estimate._fields])
