"""Write what a comparison found: table and picture."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from vqrna.evaluation.agreement import Agreement
from vqrna.plots.agreement import agreement_figure
from vqrna.plots.style import save_figure
from vqrna.runtime.files import output_directory, write_text
from vqrna.runtime.provenance import header_lines

TABLE = "agreement.tsv"


def write_report(found: Agreement, directory: str | PathLike[str]) -> list[Path]:
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
