"""`vqrna spectrum`: which codes tell which modification."""

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


def spectrum(
    data: DataFolder,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Write tables, picture and page here.")],
    split: Split = "valid",
    model: ModelPath = None,
    modifications: TypesInData = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="As published: z-scores of TF-IDF, all windows.")
    ] = False,
    negatives: Negatives = "random",
    permutations: Permutations = 10_000,
    seed: Seed = 0,
    palette: Palette = "types",
    device: Device = "auto",
) -> None:
    """Show which codes of the codebook tell which modification.

    Modified against unmodified sites of the same base, as log-odds with false
    discovery rates; what the rest of the windows shows, too, is subtracted.
    """
    from vqrna.data.benchmark import load_benchmark, select_modifications
    from vqrna.interpret.codes import one_codebook
    from vqrna.interpret.spectrum import paper_spectrum, write_spectrum
    from vqrna.interpret.spectrum import spectrum as run
    from vqrna.model.weights import load_model
    from vqrna.plots.style import type_colors
    from vqrna.runtime.files import results_directory

    type_colors((), palette)  # a wrong name is told before the work
    with results_directory(out):
        wanted = select_modifications(data, modifications) if data.is_dir() else None
        windows = load_benchmark(data, split, wanted, on_missing=lambda line: say("note", line))
        loaded = one_codebook(load_model(model, device=device))
        if paper:
            found = paper_spectrum(loaded, windows, show_progress=True)
        else:
            found = run(
                loaded, windows, negatives=negatives, permutations=permutations, seed=seed,
                show_progress=True,
            )  # fmt: skip
        written = write_spectrum(found, out, model_hash=loaded.hash, split=split, palette=palette)
    for m, sure, own in found.summary() if not paper else ():
        told = f"; most specific: {', '.join(map(str, own[:8]))}" if own else ""
        typer.echo(f"{m.symbol:<5} {sure:>3} codes at FDR < 5 %{told}")
    for path in written:
        typer.echo(f"wrote {path}")
