"""`vqrna mutate`: the codes that an edit changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.options import Device, ModelPath, OneType, folder_option, option
from vqrna.cli.tables import MISSING, new_console, new_table, number, report_files


def mutate(
    fasta: Annotated[
        str,
        typer.Argument(
            help="The sequence, plain or gzip; - for standard input.",
            metavar="FASTA",
            show_default=False,
        ),
    ],
    modification: OneType,
    position: Annotated[
        int, option("Position of the site, from 1.", names=("--position", "-p"), metavar="P")
    ],
    edits: Annotated[
        list[str],
        option(
            "Substitutions such as A300G,C305U; comma-separated or repeated.",
            names=("--edits", "-e"),
            metavar="LIST",
        ),
    ],
    out: Annotated[Path, folder_option("Folder for table and picture.")],
    sequence: Annotated[
        str | None, option("Name of the sequence, if FASTA has several.", metavar="NAME")
    ] = None,
    model: ModelPath = None,
    atlas: Annotated[
        Path | None,
        option(
            "codebook.tsv of vqrna atlas, for the types of the codes.",
            default="the atlas of the shipped model",
            metavar="TABLE",
        ),
    ] = None,
    device: Device = "auto",
) -> None:
    """Show which codes an edit changes around a site, and the effect of each change.

    'effect' is the change of the log-odds of the modification at the site if
    this code alone changes. The type of a code is the modification for which it
    is most specific, with its log-odds at modified sites.
    """
    from vqrna.interpret.code_changes import code_changes, write_code_changes

    result = code_changes(
        fasta, modification, position, edits, sequence=sequence, model=model, atlas=atlas,
        device=device,
    )  # fmt: skip
    result = write_code_changes(result, out)
    console = new_console()
    console.print(result.summary, soft_wrap=True)
    table = new_table(("positions", "code", "type"), ("effect",))
    for row in result.table.to_dict("records"):
        table.add_row(
            f"{row['start']}-{row['stop']}",
            f"{row['ref_code']} → {row['alt_code']}",
            f"{row['ref_type'] or MISSING} → {row['alt_type'] or MISSING}",
            number(row["effect"], "+.2f"),
        )
    console.print(table)
    report_files(result.paths)
