"""`vqrna embed`: latents and features of sites, and a map of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import (
    CentredWindows,
    Confidence,
    Device,
    ModelPath,
    Palette,
    Seed,
    SplitOfData,
    folder_option,
    option,
)
from vqrna.cli.tables import plural, report_files
from vqrna.errors import missing_extra


def embed(
    fasta: Annotated[
        Path | None, typer.Argument(metavar="FASTA", help="Sequences; called sites are embedded.")
    ] = None,
    *,
    out: Annotated[Path, folder_option("Folder for arrays and plot.")],
    data: Annotated[
        Path | None, option("Instead of FASTA: labelled windows, DIR/{train,...}/.", metavar="DIR")
    ] = None,
    split: SplitOfData = None,
    windows: CentredWindows = False,
    model: ModelPath = None,
    modifications: Annotated[
        list[str] | None, option("Modifications, such as m6A,Psi.", default="all", metavar="LIST")
    ] = None,
    confidence: Confidence = "low",
    method: Annotated[
        str, option("Map: umap, pca or auto (umap if installed).", metavar="NAME")
    ] = "auto",
    seed: Seed = 0,
    palette: Palette = "types",
    device: Device = "auto",
) -> None:
    """Write latents and features of sites, and draw a map of them.

    Input are sequences (called sites are used), windows (--windows) or labelled
    windows (--data). The map is made with UMAP, or with PCA without umap-learn.
    """
    from vqrna.interpret.codes import require_single_codebook
    from vqrna.interpret.embedding import embed as run
    from vqrna.interpret.embedding import has_umap, project, write_embedding
    from vqrna.interpret.site_selection import DEFAULT_SPLIT, choose_sites
    from vqrna.model.weights import load_model
    from vqrna.plots.style import type_colors
    from vqrna.runtime.files import results_directory

    type_colors((), palette)  # report a wrong name before the work
    with results_directory(out):
        loaded = require_single_codebook(load_model(model, device=device))
        sites = choose_sites(
            loaded, fasta, data, split=split, modifications=modifications,
            confidence=confidence, windows=windows, on_missing=lambda line: say("note", line),
        )  # fmt: skip
        result = run(loaded, sites, show_progress=True)
        if method == "auto" and not has_umap():
            say("note", f"umap-learn is not installed ({missing_extra('umap')}): using PCA")
        projection = project(result.features, method, seed)
        if projection.single_point:
            say("note", "all sites have the same features: all points of the map are at (0, 0)")
        written = write_embedding(
            sites, result, projection, loaded.modifications, out,
            model_hash=loaded.hash, source=str(fasta or f"{data} {split or DEFAULT_SPLIT}"),
            palette=palette,
        )  # fmt: skip
    sizes = f"{result.latents.shape[1]} latents, {result.features.shape[1]} features each"
    typer.echo(f"{plural(len(sites), 'called site' if sites.called else 'site')}: {sizes}")
    report_files(written)
