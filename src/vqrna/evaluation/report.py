"""Write what an evaluation found: table, scores and curves."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from vqrna.evaluation.results import Evaluation
from vqrna.files import output_directory, write_text
from vqrna.modifications import Modification
from vqrna.plots.roc import roc_and_pr
from vqrna.plots.style import save_figure
from vqrna.provenance import header_lines


def write_report(
    evaluation: Evaluation,
    modifications: Sequence[Modification],
    directory: str | PathLike[str],
) -> list[Path]:
    """Write ``evaluation.csv``, ``scores.tsv``, ``roc_pr.png`` and ``roc_pr.svg``.

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
    return [folder / "evaluation.csv", folder / "scores.tsv", *pictures]
