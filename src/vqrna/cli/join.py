"""`vqrna join`: the shards of a scan become one result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.predict import show_prediction


def join(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="The --out folders of the shards; they may be one and the same.",
            metavar="FOLDER...",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results.", show_default="the first FOLDER"),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="tsv, parquet, bed, bedrmod, bedgraph, bigwig; comma-separated or repeated.",
            show_default="what the shards were asked for",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="The model, if it is no longer where the shards found it.", show_default=False
        ),
    ] = None,
) -> None:
    """Put the shards of a scan together (vqrna predict --shard).

    The files are the same as if it had been made in one go: q-values are over
    all shards, which are removed when the files are written.
    """
    from vqrna.prediction import join, parse_formats

    wanted = parse_formats(formats) if formats else ()
    show_prediction(join(folders, out, formats=wanted, model=model))
