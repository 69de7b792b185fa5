"""`vqrna atlas`: describe every code of the codebook."""

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
    folder_option,
    option,
)
from vqrna.cli.tables import report_codes, report_files


def atlas(
    data: DataFolder,
    out: Annotated[Path, folder_option("Folder for table, page and plots.")],
    split: Split = "valid",
    model: ModelPath = None,
    modifications: TypesInData = None,
    negatives: Negatives = "random",
    permutations: Permutations = 10_000,
    knock_outs: Annotated[
        int, option("Windows per modification to test each code.", metavar="N", min=0)
    ] = 16,
    curve: Annotated[
        int, option("Windows per modification for the deletion curve.", metavar="N", min=0)
    ] = 24,
    seed: Seed = 0,
    palette: Palette = "types",
    device: Device = "auto",
) -> None:
    """Describe every code: motif, usage, position, specificity and effect.

    Writes codebook.tsv, codes.meme, a browsable page (atlas.html), logos of the
    most specific codes and the deletion curve.
    """
    from vqrna.data.benchmark import load_benchmark, select_modifications
    from vqrna.interpret.atlas import atlas as run
    from vqrna.interpret.atlas import write_atlas
    from vqrna.interpret.atlas_duration import WINDOWS, expected_seconds
    from vqrna.interpret.codes import require_single_codebook
    from vqrna.model.weights import load_model
    from vqrna.plots.style import type_colors
    from vqrna.runtime.files import results_directory
    from vqrna.runtime.progress import duration

    type_colors((), palette)  # report a wrong name before the work
    with results_directory(out):
        wanted = select_modifications(data, modifications) if data.is_dir() else None
        windows = load_benchmark(data, split, wanted, on_missing=lambda line: say("note", line))
        loaded = require_single_codebook(load_model(model, device=device))
        seconds = expected_seconds(
            loaded, windows, permutations=permutations, sample=knock_outs, curve_windows=curve
        )
        say(
            "note",
            f"expected time: {duration(seconds)} for {len(windows):,} windows (measured on "
            f"{min(WINDOWS, len(windows))} of them)",
        )
        result = run(
            loaded,
            windows,
            negatives=negatives,
            permutations=permutations,
            sample=knock_outs,
            curve_windows=curve,
            seed=seed,
            show_progress=True,
        )
        written = write_atlas(result, out, model_hash=loaded.hash, split=split, palette=palette)
    used = int((result.usage > 0).sum())
    typer.echo(f"{used} of {result.codebook_size} codes are used")
    report_codes(result.spectrum.summary())
    report_files(written)
