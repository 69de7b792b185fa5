"""`vqrna spectrum`: the codes that distinguish the modifications."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

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


def spectrum(
    data: DataFolder,
    out: Annotated[Path, folder_option("Folder for tables, plot and HTML page.")],
    split: Split = "valid",
    model: ModelPath = None,
    modifications: TypesInData = None,
    paper: Annotated[
        bool, option("As published: z-scores of TF-IDF over all windows.", names=("--paper",))
    ] = False,
    negatives: Negatives = "random",
    permutations: Permutations = 10_000,
    seed: Seed = 0,
    palette: Palette = "types",
    device: Device = "auto",
) -> None:
    """Compute the feature spectrum: the codes that distinguish each modification.

    Codes at modified and unmodified sites of the same base are compared as
    log-odds with false discovery rates, after subtracting the enrichment in the
    rest of the window.
    """
    from vqrna.data.benchmark import load_benchmark, select_modifications
    from vqrna.interpret.codes import require_single_codebook
    from vqrna.interpret.spectrum import paper_spectrum, write_spectrum
    from vqrna.interpret.spectrum import spectrum as run
    from vqrna.model.weights import load_model
    from vqrna.plots.style import type_colors
    from vqrna.runtime.files import results_directory

    type_colors((), palette)  # report a wrong name before the work
    with results_directory(out):
        wanted = select_modifications(data, modifications) if data.is_dir() else None
        windows = load_benchmark(data, split, wanted, on_missing=lambda line: say("note", line))
        loaded = require_single_codebook(load_model(model, device=device))
        if paper:
            result = paper_spectrum(loaded, windows, show_progress=True)
        else:
            result = run(
                loaded, windows, negatives=negatives, permutations=permutations, seed=seed,
                show_progress=True,
            )  # fmt: skip
        written = write_spectrum(result, out, model_hash=loaded.hash, split=split, palette=palette)
    if not paper:
        report_codes(result.summary())
    report_files(written)
