"""`vqrna atlas`: what every code of the codebook reads, where it stands and what it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import (
    DataFolder,
    Device,
    ModelPath,
    Negatives,
    Palette,
    Permutations,
    Seed,
    Split,
    TypesInData,
)


def atlas(
    data: DataFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Write table, page and pictures here.")],
    split: Split = "valid",
    model: ModelPath = None,
    modifications: TypesInData = None,
    negatives: Negatives = "random",
    permutations: Permutations = 10_000,
    knock_outs: Annotated[
        int, typer.Option(metavar="N", min=0, help="Windows a type to knock each code out of.")
    ] = 16,
    curve: Annotated[
        int, typer.Option(metavar="N", min=0, help="Windows a type for the deletion curve.")
    ] = 24,
    seed: Seed = 0,
    palette: Palette = "types",
    device: Device = "auto",
) -> None:
    """Describe every code: its motif, usage, place, specificity and effect.

    Writes codebook.tsv, codes.meme, a page to browse (atlas.html), the logos of
    the most specific codes and the deletion curve.
    """
    from vqrna.data.benchmark import load_benchmark, select_modifications
    from vqrna.interpret.atlas import atlas as run
    from vqrna.interpret.atlas import write_atlas
    from vqrna.interpret.codes import one_codebook
    from vqrna.model.weights import load_model
    from vqrna.plots.style import type_colors
    from vqrna.runtime.files import results_directory

    type_colors((), palette)  # a wrong name is told before the work
    with results_directory(out):
        wanted = select_modifications(data, modifications) if data.is_dir() else None
        windows = load_benchmark(data, split, wanted, on_missing=lambda line: say("note", line))
        loaded = one_codebook(load_model(model, device=device))
        found = run(
            loaded,
            windows,
            negatives=negatives,
            permutations=permutations,
            sample=knock_outs,
            curve_windows=curve,
            seed=seed,
            show_progress=True,
        )
        written = write_atlas(found, out, model_hash=loaded.hash, split=split, palette=palette)
    used = int((found.usage > 0).sum())
    typer.echo(f"{used} of {found.codebook_size} codes are in use")
    for m, sure, own in found.spectrum.summary():
        told = f"; most specific: {', '.join(map(str, own[:8]))}" if own else ""
        typer.echo(f"{m.symbol:<5} {sure:>3} codes at FDR < 5 %{told}")
    for path in written:
        typer.echo(f"wrote {path}")
