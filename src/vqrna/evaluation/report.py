"""Write what an evaluation found: table, scores and curves.

Write what a comparison found: table and picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from matplotlib.figure import Figure

from vqrna.evaluation.known_sites import Agreement
from vqrna.evaluation.results import Evaluation
from vqrna.modifications import Modification
from vqrna.plots.agreement import agreement_figure
from vqrna.plots.cross_types import cross_type_maps
from vqrna.plots.reliability import reliability_diagrams
from vqrna.plots.roc import roc_and_pr
from vqrna.plots.style import save_figure
from vqrna.runtime.files import output_directory, write_table, write_text
from vqrna.runtime.provenance import header_lines, signature


def write_report(
    evaluation: Evaluation,
    modifications: Sequence[Modification],
    directory: str | PathLike[str],
) -> list[Path]:
    """Write ``evaluation.csv``, ``scores.tsv``, ``roc_pr.png`` and ``roc_pr.svg``.

    Where the evaluation was a full one, also ``localisation.csv``, ``calibration.csv``,
    ``reliability.csv``, ``prevalence.csv``, ``false_calls.csv``, ``cross_types.csv``, and the
    pictures ``reliability`` and ``cross_types``.

    Parameters
    ----------
    evaluation : Evaluation
    modifications : sequence of Modification
        Types in the order of the picture, with their colours.
    directory : path-like
        Made if it is not there.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    DataError
        If one cannot be written; each file is whole or not there.
    """
    folder = output_directory(directory)
    table = evaluation.table.copy()
    table.insert(0, "model", evaluation.model)
    table.insert(1, "split", evaluation.split)
    write_text(folder / "evaluation.csv", table.to_csv(index=False, lineterminator="\n"))
    head = header_lines(evaluation.model, split=evaluation.split)
    scores = evaluation.scores.to_csv(
        sep="\t", index=False, lineterminator="\n", float_format="%.6g"
    )
    write_text(folder / "scores.tsv", "\n".join([*head, scores]))
    title = f"Model {evaluation.model} on {evaluation.split}"
    figure = roc_and_pr(evaluation.scores, modifications, title)
    pictures = save_figure(figure, folder / "roc_pr")
    written = [folder / "evaluation.csv", folder / "scores.tsv", *pictures]
    if evaluation.positions is not None:
        written += _write_positions(evaluation, modifications, folder, head)
    return written


def _write_positions(
    evaluation: Evaluation,
    modifications: Sequence[Modification],
    folder: Path,
    head: list[str],
) -> list[Path]:
    """Write the tables and pictures of a full evaluation."""
    written = []
    tables = {} if evaluation.positions is None else evaluation.positions.tables()
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        write_table(path, table, head, separator=",", digits=6)
        written.append(path)
    for name, figure in position_figures(evaluation, modifications).items():
        written += save_figure(figure, folder / name)
    return written


def position_figures(
    evaluation: Evaluation, modifications: Sequence[Modification]
) -> dict[str, Figure]:
    """Draw the reliability diagrams and the mix-ups of a full evaluation, by their names.

    On the windows that overlap no training window, if that is known.

    Raises
    ------
    ValueError
        If it was no full evaluation.
    """
    found = evaluation.positions
    if found is None:
        raise ValueError("this was no full evaluation")
    known = "non_overlapping" in set(found.cross_types["windows"])
    windows = "non_overlapping" if known else "all"
    which = "windows that overlap no training window" if known else "all windows"
    title, remark = f"on {evaluation.split}, {which}", signature(evaluation.model)
    return {
        "reliability": reliability_diagrams(
            found.reliability.groups,
            found.reliability.table,
            modifications,
            title=f"Reliability {title}",
            remark=remark,
            windows=windows,
        ),
        "cross_types": cross_type_maps(
            found.cross_types,
            modifications,
            title=f"Sites that are called, percent, {title}",
            remark=remark,
            windows=windows,
        ),
    }


TABLE = "agreement.tsv"


def write_agreement_report(found: Agreement, directory: str | PathLike[str]) -> list[Path]:
    """Write ``agreement.tsv``, ``agreement.png`` and ``agreement.svg``.

    Parameters
    ----------
    found : Agreement
    directory : path-like
        Made if it is not there.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    DataError
        If one cannot be written; each file is whole or not there.
    """
    folder = output_directory(directory)
    told = dict(found.facts)
    head = header_lines(told.pop("model", None), **told)
    table = found.table.to_csv(
        sep="\t", index=False, na_rep="nan", float_format="%.4g", lineterminator="\n"
    )
    write_text(folder / TABLE, "\n".join([*head, table]))
    figure = agreement_figure(found.table, found.modifications)
    return [folder / TABLE, *save_figure(figure, folder / "agreement")]
