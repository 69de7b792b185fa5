"""`vqrna join`: join the shards of a scan into one result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.options import folder_option, option
from vqrna.cli.scan_summary import show_prediction
from vqrna.cli.variants import show_effects


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
        Path | None, folder_option("Folder for the results.", default="the first FOLDER")
    ] = None,
    formats: Annotated[
        list[str] | None,
        option(
            "Output formats, comma-separated or repeated.",
            names=("--format",),
            default="those given to the shards",
            metavar="LIST",
        ),
    ] = None,
    model: Annotated[
        Path | None, option("The model, if it has moved since the shards ran.")
    ] = None,
) -> None:
    """Join the shards of a run (vqrna predict or variants, --shard).

    The result is identical to that of a single run; q-values and p-values are
    computed over all shards. The shards are removed when the files are complete.
    """
    from vqrna.prediction import join, parse_formats
    from vqrna.variation import has_variant_shards, join_variants
    from vqrna.variation.output import parse_variant_formats

    if any(has_variant_shards(folder) for folder in folders):
        names = parse_variant_formats(formats) if formats else ()
        show_effects(join_variants(folders, out, formats=names, model=model))
        return
    wanted = parse_formats(formats) if formats else ()
    show_prediction(join(folders, out, formats=wanted, model=model))
