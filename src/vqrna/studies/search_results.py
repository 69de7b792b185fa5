"""Results of a search: a table of all trials, the best settings, and pictures."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vqrna import config as configs
from vqrna.config import Config
from vqrna.runtime.files import write_text
from vqrna.studies.optuna_storage import (
    BEST_EPOCH,
    CHOSEN,
    EPOCHS,
    ERROR,
    SURPLUS,
    retry_of,
    trial_state,
)
from vqrna.studies.search_config import Search
from vqrna.studies.search_space import Space

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

TABLE, BEST = "trials.csv", "config.toml"
_FEWEST = 4
"""Complete trials that the importance of parameters needs."""

_FIRST = ["trial", "state", "value", "epochs", "best_epoch", "seconds"]
_LAST = ["retry_of", "error"]


@dataclass(frozen=True, eq=False)
class TuningResult:
    """Result of :func:`vqrna.studies.tune`.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per trial, as in ``trials.csv``.
    config : Config or None
        Settings of the best complete trial, if any.
    value : float or None
        Its validation score.
    number : int or None
        Its number.
    folder : pathlib.Path
    """

    table: pd.DataFrame
    config: Config | None
    value: float | None
    number: int | None
    folder: Path


def trials_table(study: optuna.Study, space: Space) -> pd.DataFrame:
    """Return the table of all trials, without surplus ones.

    Returns
    -------
    pandas.DataFrame
        Columns trial, state, value (of the best epoch), epochs, best_epoch, seconds, each
        parameter, retry_of, error.
    """
    rows = []
    lowest = study.direction.name == "MINIMIZE"
    for trial in study.get_trials(deepcopy=False):
        attributes = trial.user_attrs
        if attributes.get(SURPLUS):
            continue
        seen = list(trial.intermediate_values.values())
        value = trial.value if trial.state.name == "COMPLETE" else None
        if value is None and seen:
            value = min(seen) if lowest else max(seen)
        spent = trial.duration.total_seconds() if trial.duration is not None else None
        chosen = attributes.get(CHOSEN, {})
        row: dict[str, Any] = {
            "trial": trial.number,
            "state": trial_state(trial),
            "value": value,
            "epochs": attributes.get(EPOCHS),
            "best_epoch": attributes.get(BEST_EPOCH),
            "seconds": None if spent is None else round(spent, 1),
            "retry_of": retry_of(trial),
            "error": attributes.get(ERROR),
        }
        row |= {f"={p.label}": chosen.get(p.label) for p in space.parameters}
        rows.append(row)
    columns = [*_FIRST, *(f"={p.label}" for p in space.parameters), *_LAST]
    table = pd.DataFrame(rows, columns=columns)
    for name in ("epochs", "best_epoch", "retry_of"):
        table[name] = table[name].astype("Int64")
    for p in space.parameters:
        column = table[f"={p.label}"]
        if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
            whole = [v for v in (r[f"={p.label}"] for r in rows) if v is not None]
            if all(isinstance(v, int) for v in whole):
                table[f"={p.label}"] = column.astype("Int64")
    return table.rename(columns=lambda name: name.removeprefix("="))


def best_trial(study: optuna.Study) -> FrozenTrial | None:
    """Return the best complete trial; the earliest of equal ones."""
    complete = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    sign = -1 if study.direction.name == "MINIMIZE" else 1
    return max(complete, key=lambda t: (sign * (t.value or 0.0), -t.number), default=None)


def write_results(study: optuna.Study, search: Search, out: Path) -> TuningResult:
    """Write ``trials.csv`` and, if a trial is complete, the best one's ``config.toml``.

    Raises DataError if a file cannot be written.
    """
    table = trials_table(study, search.space)
    write_text(out / TABLE, table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    best = best_trial(study)
    if best is None:
        return TuningResult(table, None, None, None, out)
    config = configs.replace(search.base, **search.space.settings(best.user_attrs[CHOSEN]))
    comment = (
        f"# trial {best.number} of a search with vqrna tune: "
        f"validation {search.settings.metric} {best.value:.4f}\n"
    )
    write_text(out / BEST, comment + configs.dump(config))
    return TuningResult(table, config, best.value, best.number, out)


def draw(study: optuna.Study, search: Search, out: Path) -> list[Path]:
    """Draw the pictures of a search; return the PNG files (each with an SVG file beside it)."""
    from vqrna.plots import search as plots
    from vqrna.plots.style import save_figure

    table = trials_table(study, search.space)
    score = "validation " + {"auroc": "AUROC", "mcc": "MCC"}.get(
        search.settings.metric, search.settings.metric
    )
    ended = table[table["state"].isin(["complete", "pruned", "failed"])]
    if ended.empty:
        return []
    lowest = search.direction == "minimize"
    value = ended["value"].to_numpy(dtype=float, na_value=np.nan)
    value = np.where(ended["state"] == "failed", np.nan, value)
    pruned = (ended["state"] == "pruned").to_numpy()
    number = ended["trial"].to_numpy()
    figures = {"history": plots.search_history(number, value, pruned, score, lowest)}
    seen = ~np.isnan(value)
    if seen.any():
        columns = {
            p.label: [None if pd.isna(v) else v for v in ended[p.label][seen]]
            for p in search.space.parameters
            if ended[p.label][seen].notna().any()
        }
        logarithmic = [p.label for p in search.space.parameters if p.log]
        figures["slices"] = plots.search_slices(
            columns, value[seen], pruned[seen], number[seen], score, logarithmic
        )
    shares = importance(study, search)
    if shares:
        title = f"Importance (fANOVA, {(table['state'] == 'complete').sum()} complete trials)"
        figures["importance"] = plots.search_importance(list(shares), list(shares.values()), title)
    return [save_figure(figure, out / f"{name}.png")[0] for name, figure in figures.items()]


def importance(study: optuna.Study, search: Search) -> dict[str, float]:
    """Return the share of the variance that each parameter explains, in decreasing order.

    Only of parameters that all complete trials use; empty if there are too few trials, or all
    scores are equal.
    """
    import optuna

    complete = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    if len(complete) < _FEWEST or len({t.value for t in complete}) == 1:
        return {}
    drawn = {p.drawn: p.label for p in search.space.parameters}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=search.settings.seed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError):  # no parameter is in all trials, or none differs
        return {}
    return {drawn.get(name, name): float(share) for name, share in shares.items()}
