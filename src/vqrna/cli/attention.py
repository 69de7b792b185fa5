"""`vqrna attention`: where in a window the model looks."""

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
)


def attention(
    fasta: Annotated[
        Path | None,
        typer.Argument(metavar="[FASTA]", help="Sequences; sites that are called are looked at."),
    ] = None,
    *,
    modification: OneType,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Write arrays and pictures here.")],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="In place of FASTA: modified windows of a data set."),
    ] = None,
    split: SplitOfData = None,
    windows: CentredWindows = False,
    most: Annotated[
        int, typer.Option(metavar="N", min=1, help="Look at so many sites, the likeliest first.")
    ] = 32,
    model: ModelPath = None,
    confidence: Confidence = "low",
    seed: Seed = 0,
    palette: Palette = "types",
    device: Device = "auto",
) -> None:
    """Show which places of a window the prediction hangs on.

    Attention maps for models of the paper preset. For all models code occlusion:
    how far the logit falls when another code is put in the place of a token.
    Our own context has no attention, so code occlusion stands for it.
    """
    from vqrna.interpret.attention import (
        attention_maps,
        has_attention,
        token_effects,
        write_attention,
    )
    from vqrna.interpret.attributions import member
    from vqrna.interpret.codes import with_codes
    from vqrna.interpret.site_selection import CHOSEN_SPLIT, choose_sites, likeliest
    from vqrna.model.weights import load_model
    from vqrna.modifications import modification as find
    from vqrna.plots.style import type_colors
    from vqrna.runtime.files import results_directory

    type_colors((), palette)  # wrong names are told before the work
    with results_directory(out):
        loaded = load_model(model, device=device)
        kind = find(modification, loaded.modifications)
        single = with_codes(member(loaded, kind))
        sites = choose_sites(
            single, fasta, data, split=split, modifications=[kind.symbol],
            confidence=confidence, windows=windows, on_missing=lambda line: say("note", line),
        )  # fmt: skip
        sites = likeliest(single, sites, kind, most, on_notice=lambda line: say("note", line))
        effects = token_effects(single, sites.tokens, kind, seed=seed, show_progress=True)
        maps = None
        if has_attention(single):
            maps = attention_maps(single, sites.tokens, show_progress=True)
        else:
            say("note", "the context of this model has no attention: code occlusion stands for it")
        written = write_attention(
            sites, kind, effects, maps, out, model_hash=single.hash,
            source=str(fasta or f"{data} {split or CHOSEN_SPLIT}"), palette=palette,
        )  # fmt: skip
    typer.echo(f"{len(sites)} site{'s' * (len(sites) != 1)} of {kind.symbol}")
    for path in written:
        typer.echo(f"wrote {path}")
