"""`vqrna join`: join the shards of a scan into one result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.predict import show_prediction


def join(
    folders: Annotated[
        list[Path],
        typer.Argument(
            help="Output folders of the shards; all shards may share one.",
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
            metavar="LIST",
            help="Output formats, comma-separated or repeated.",
            show_default="those given to the shards",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(help="The model, if it has moved since the shards ran.", show_default=False),
    ] = None,
) -> None:
    """Join the shards of a scan (vqrna predict --shard).

    The result is identical to that of a single run; q-values are computed over
    all shards. The shards are removed when the files are complete.
    """
    from vqrna.prediction import join, parse_formats

    wanted = parse_formats(formats) if formats else ()
    show_prediction(join(folders, out, formats=wanted, model=model))
