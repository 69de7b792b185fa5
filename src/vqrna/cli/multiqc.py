"""`vqrna multiqc`: tables of predictions for MultiQC."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.options import folder_option, option
from vqrna.cli.tables import report_files


def multiqc(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of results of vqrna predict.", metavar="FOLDER...")
    ],
    out: Annotated[Path, folder_option("Folder for the tables.")],
    names: Annotated[
        list[str] | None,
        option(
            "Names of the samples, in the order of the folders.",
            default="names of the folders",
            metavar="LIST",
        ),
    ] = None,
) -> None:
    """Write tables of predictions for MultiQC, and a file of versions.

    One row per folder: called sites of each modification as bars, and columns of
    the general statistics. MultiQC recognises the files by their names.
    """
    from vqrna.multiqc import write_multiqc

    given = [name for each in names or () for name in each.split(",")]
    report_files(write_multiqc(folders, out, given or None))
