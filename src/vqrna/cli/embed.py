"""`vqrna embed`: sites as points in the space in which the model tells them apart."""

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
)


def embed(
    fasta: Annotated[
        Path | None,
        typer.Argument(metavar="[FASTA]", help="Sequences; sites that are called are embedded."),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Write arrays and picture here.")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="In place of FASTA: labelled windows, DIR/{train,...}/."),
    ] = None,
    split: SplitOfData = None,
    windows: CentredWindows = False,
    model: ModelPath = None,
    modifications: Annotated[
        list[str] | None,
        typer.Option(metavar="LIST", help="Types, such as m6A,Psi.", show_default="all there are"),
    ] = None,
    confidence: Confidence = "low",
    method: Annotated[
        str, typer.Option(metavar="NAME", help="Map: umap, pca or auto (umap if installed).")
    ] = "auto",
    seed: Seed = 0,
    palette: Palette = "types",
    device: Device = "auto",
) -> None:
    """Write latents and features of sites, and draw a map of them.

    Give sequences (sites that the model calls), windows (--windows), or labelled
    windows (--data). The map is by UMAP, or by PCA where umap-learn is absent.
    """
    from vqrna.interpret.codes import one_codebook
    from vqrna.interpret.embedding import embed as run
    from vqrna.interpret.embedding import flatten, has_umap, write_embedding
    from vqrna.interpret.site_selection import CHOSEN_SPLIT, choose_sites
    from vqrna.model.weights import load_model
    from vqrna.plots.style import type_colors
    from vqrna.runtime.files import results_directory

    type_colors((), palette)  # wrong names are told before the work
    with results_directory(out):
        loaded = one_codebook(load_model(model, device=device))
        sites = choose_sites(
            loaded, fasta, data, split=split, modifications=modifications,
            confidence=confidence, windows=windows, on_missing=lambda line: say("note", line),
        )  # fmt: skip
        found = run(loaded, sites, show_progress=True)
        if method == "auto" and not has_umap():
            say("note", "umap-learn is not installed ('vqrna[umap]'): the map is drawn by PCA")
        written = write_embedding(
            sites, found, flatten(found.features, method, seed), loaded.modifications, out,
            model_hash=loaded.hash, source=str(fasta or f"{data} {split or CHOSEN_SPLIT}"),
            palette=palette,
        )  # fmt: skip
    what = ("called " if sites.called else "") + "site" + "s" * (len(sites) != 1)
    typer.echo(f"{len(sites)} {what}: {found.latents.shape[1]} latents, "
               f"{found.features.shape[1]} features each")  # fmt: skip
    for path in written:
        typer.echo(f"wrote {path}")
