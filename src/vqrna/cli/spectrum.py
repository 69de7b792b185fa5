"""`vqrna spectrum`: which codes tell which modification."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.exits import say


def spectrum(
    data: Annotated[
        Path, typer.Option(metavar="DIR", help="Benchmark layout: DIR/{train,valid,test}/.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Write tables, picture and page here.")],
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Windows to read: train, valid or test.")
    ] = "valid",
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="Weights or folder of a run.", show_default="the shipped weights"
        ),
    ] = None,
    modifications: Annotated[
        list[str] | None,
        typer.Option(metavar="LIST", help="Types, such as m6A,Psi.", show_default="all in DIR"),
    ] = None,
    paper: Annotated[
        bool, typer.Option("--paper", help="As published: z-scores of TF-IDF, all windows.")
    ] = False,
    negatives: Annotated[
        str, typer.Option(metavar="NAME", help="Set of unmodified windows to compare with.")
    ] = "random",
    permutations: Annotated[
        int, typer.Option(metavar="N", min=0, help="Permutations for the p-values.")
    ] = 10_000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the permutations.")] = 0,
    palette: Annotated[
        str, typer.Option(metavar="NAME", help="Colours: types or colorblind.")
    ] = "types",
    device: Annotated[
        str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")
    ] = "auto",
) -> None:
    """Show which codes of the codebook tell which modification.

    Modified against unmodified sites of the same base, as log-odds with false
    discovery rates; what the rest of the windows shows, too, is subtracted.
    """
    from vqrna.codes.spectrum import paper_spectrum
    from vqrna.codes.spectrum import spectrum as run
    from vqrna.codes.spectrum_files import write_spectrum
    from vqrna.codes.strings import one_codebook
    from vqrna.data.benchmark import load_benchmark, select_modifications
    from vqrna.files import results_directory
    from vqrna.plots.palette import type_colors
    from vqrna.weights import load_model

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
