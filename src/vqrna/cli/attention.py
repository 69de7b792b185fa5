"""`vqrna attention`: the parts of a window that a prediction depends on."""

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
    OneType,
    Palette,
    Seed,
    SplitOfData,
    folder_option,
    option,
)
from vqrna.cli.tables import plural, report_files


def attention(
    fasta: Annotated[
        Path | None, typer.Argument(metavar="FASTA", help="Sequences; called sites are analysed.")
    ] = None,
    *,
    modification: OneType,
    out: Annotated[Path, folder_option("Folder for arrays and plots.")],
    data: Annotated[
        Path | None, option("Instead of FASTA: modified windows of a data set.", metavar="DIR")
    ] = None,
    split: SplitOfData = None,
    windows: CentredWindows = False,
    most: Annotated[int, option("Number of sites, highest score first.", metavar="N", min=1)] = 32,
    model: ModelPath = None,
    confidence: Confidence = "low",
    seed: Seed = 0,
    palette: Palette = "types",
    device: Device = "auto",
) -> None:
    """Show which parts of a window a prediction depends on.

    For every model: code occlusion, the drop of the logit when the code of a
    token is replaced. For models of the paper preset: attention maps as well
    (the context of the vqrna preset is convolutional and has no attention).
    """
    from vqrna.interpret.attention import (
        attention_maps,
        has_attention,
        token_effects,
        write_attention,
    )
    from vqrna.interpret.attributions import model_for
    from vqrna.interpret.codes import require_codebook
    from vqrna.interpret.site_selection import DEFAULT_SPLIT, choose_sites, top_sites
    from vqrna.model.weights import load_model
    from vqrna.modifications import modification as find
    from vqrna.plots.style import type_colors
    from vqrna.runtime.files import results_directory

    type_colors((), palette)  # report a wrong name before the work
    with results_directory(out):
        loaded = load_model(model, device=device)
        target = find(modification, loaded.modifications)
        single = require_codebook(model_for(loaded, target))
        sites = choose_sites(
            single, fasta, data, split=split, modifications=[target.symbol],
            confidence=confidence, windows=windows, on_missing=lambda line: say("note", line),
        )  # fmt: skip
        sites = top_sites(single, sites, target, most, on_notice=lambda line: say("note", line))
        effects = token_effects(single, sites.tokens, target, seed=seed, show_progress=True)
        maps = None
        if has_attention(single):
            maps = attention_maps(single, sites.tokens, show_progress=True)
        written = write_attention(
            sites, target, effects, maps, out, model_hash=single.hash,
            source=str(fasta or f"{data} {split or DEFAULT_SPLIT}"), palette=palette,
        )  # fmt: skip
    typer.echo(f"{plural(len(sites), f'{target.symbol} site')}")
    report_files(written)
    if maps is None:
        typer.echo("attention maps: only for models of the paper preset")
