"""Write the tables and figures of an evaluation, and of a comparison with known sites."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from vqrna.data.benchmark import split_windows
from vqrna.evaluation.agreement import Agreement
from vqrna.evaluation.results import Evaluation
from vqrna.modifications import Modification
from vqrna.plots.agreement import agreement_figure
from vqrna.plots.cross_types import cross_type_maps
from vqrna.plots.reliability import reliability_diagrams
from vqrna.plots.roc import roc_and_pr
from vqrna.plots.style import save_figure
from vqrna.runtime.files import output_files, results_directory, write_table, write_text
from vqrna.runtime.provenance import signature
from vqrna.runtime.run_record import add_run_record


def write_report(
    evaluation: Evaluation, modifications: Sequence[Modification], directory: str | PathLike[str]
) -> list[Path]:
    """Write ``evaluation.csv``, ``scores.tsv``, ``roc_pr.png``, ``roc_pr.svg`` and ``run.json``.

    A full evaluation has also ``localisation.csv``, ``calibration.csv``,
    ``reliability.csv``, ``prevalence.csv``, ``false_calls.csv``, ``cross_types.csv``, and the
    figures ``reliability`` and ``cross_types``.

    Raises DataError if a file cannot be written; then no file appears, and older ones stay.

    Parameters
    ----------
    modifications : sequence of Modification
        Types in the order of the figure, with their colours.
    directory : path-like
        Created if missing.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    table = evaluation.table.copy()
    table.insert(0, "model", evaluation.model)
    table.insert(1, "split", evaluation.split)
    title = f"Model {evaluation.model}, {split_windows(evaluation.split)}"
    with results_directory(directory) as folder, output_files(folder) as files:
        write_text(files.path("evaluation.csv"), table.to_csv(index=False, lineterminator="\n"))
        write_table(files.path("scores.tsv"), evaluation.scores, digits=6)
        figure = roc_and_pr(evaluation.scores, modifications, title)
        save_figure(figure, files.picture("roc_pr"))
        if evaluation.positions is not None:
            for name, position_table in evaluation.positions.tables().items():
                write_table(files.path(f"{name}.csv"), position_table, separator=",", digits=6)
            for name, figure in position_figures(evaluation, modifications).items():
                save_figure(figure, files.picture(name))
        add_run_record(
            files,
            "evaluate",
            model=evaluation.model,
            settings={"split": evaluation.split, "full": evaluation.positions is not None},
            results={"windows": len(evaluation.scores)},
        )
    return files.paths


def position_figures(
    evaluation: Evaluation, modifications: Sequence[Modification]
) -> dict[str, Figure]:
    """Draw reliability diagrams and calls of other types of a full evaluation, by name.

    They show the windows that overlap no training window, if that is known.

    Raises ValueError if the evaluation was not a full one.
    """
    positions = evaluation.positions
    if positions is None:
        raise ValueError("this was not a full evaluation")
    windows, which = _shown_windows(positions.cross_types, evaluation.split)
    return {
        "reliability": reliability_diagrams(
            positions.reliability.groups,
            positions.reliability.table,
            modifications,
            title=f"Reliability, {which}",
            remark=signature(evaluation.model),
            windows=windows,
        ),
        "cross_types": cross_type_figure(
            positions.cross_types, modifications, evaluation.model, evaluation.split
        ),
    }


def cross_type_figure(
    table: pd.DataFrame, modifications: Sequence[Modification], model: str, split: str
) -> Figure:
    """Draw the calls of other modifications, in windows without overlap where these are known.

    Parameters
    ----------
    table : pandas.DataFrame
        As from :func:`vqrna.evaluation.calls.cross_types`.
    modifications : sequence of Modification
    model : str
        Hash of the model.
    split : str
        Name of the windows.
    """
    windows, which = _shown_windows(table, split)
    title = f"Called sites (percent), {which}"
    return cross_type_maps(
        table, modifications, title=title, remark=signature(model), windows=windows
    )


def _shown_windows(table: pd.DataFrame, split: str) -> tuple[str, str]:
    """Return the set of windows that pictures show, and its name."""
    if "non_overlapping" in set(table["windows"]):
        return "non_overlapping", f"{split_windows(split)} without overlap"
    return "all", f"all {split_windows(split)}"


TABLE = "agreement.tsv"


def write_agreement_report(agreement: Agreement, directory: str | PathLike[str]) -> list[Path]:
    """Write ``agreement.tsv``, ``agreement.png``, ``agreement.svg`` and ``run.json``.

    Raises DataError if a file cannot be written; then no file appears, and older ones stay.

    Parameters
    ----------
    directory : path-like
        Created if missing.

    Returns
    -------
    list of pathlib.Path
        The files written.
    """
    settings = {name.replace(" ", "_"): value for name, value in agreement.facts.items()}
    with results_directory(directory) as folder, output_files(folder) as files:
        write_table(files.path(TABLE), agreement.table, digits=4, missing="nan")
        figure = agreement_figure(agreement.table, agreement.modifications)
        save_figure(figure, files.picture("agreement"))
        add_run_record(
            files,
            "compare",
            model=settings.pop("model", None),
            settings=settings,
            skipped=agreement.skipped,
            notes=agreement.notes,
        )
    return files.paths
