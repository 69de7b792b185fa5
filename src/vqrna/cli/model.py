"""`vqrna model`: what a model is, what it was trained on and what its calls mean.

A model card on the terminal.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from vqrna.model.model_card import ModelCard


app = typer.Typer(help="Tell what a model is and what its calls mean.", no_args_is_help=True)


@app.callback()
def _model() -> None:
    """Hold the commands of this group."""


@app.command()
def info(
    model: Annotated[
        Path | None,
        typer.Argument(help="Weights file or folder of a training run.", show_default="shipped"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
) -> None:
    """Show types, training and the meaning of the confidence tiers of a model."""
    from vqrna.model.model_card import describe
    from vqrna.model.weights import load_model

    card = describe(load_model(model, "cpu"))
    if json:
        from json import dumps

        typer.echo(dumps(card.to_json(), indent=2))
        return

    show(card)


def show(card: ModelCard) -> None:
    """Print what `vqrna model info` tells."""
    from rich.console import Console
    from rich.table import Table

    from vqrna.model.model_card import NO_THRESHOLD
    from vqrna.stats.tiers import EDGE

    console = Console(highlight=False)
    kinds = sorted({f"{c.architecture}, {c.length} nt" for c in card.config})
    console.print(f"weights {card.hash}: {card.parameters:,} parameters ({'; '.join(kinds)})")
    console.print(f"trained by: {card.command}", markup=False, soft_wrap=True)
    if card.epochs:
        console.print(f"epoch kept: {card.epochs}", soft_wrap=True)
    if card.chosen:
        console.print(f"chosen: {card.chosen}", markup=False, soft_wrap=True)
    console.print(f"scores calibrated on: {card.calibration}", soft_wrap=True)
    if card.flags:
        console.print(f"flags of input: {', '.join(card.flags)}", soft_wrap=True)
    console.print()

    types = Table(box=None, header_style="bold", pad_edge=False, title_justify="left")
    for title in ("type", "context", "prior", "trained on", "AUROC", "ACC", "smallest p"):
        types.add_column(title, justify="left" if title in ("type", "context") else "right")
    for t in card.types:
        scores = (f"{t.validation.get(key, float('nan')):.3f}" for key in ("auroc", "acc"))
        windows = f"{t.train[0]:,}+{t.train[1]:,}"
        m = t.modification
        floor = f"{t.p_value_floor:.1e}"
        types.add_row(m.symbol, m.context, f"{m.prior:g}", windows, *scores, floor)
    console.print("Types (validation windows, random negatives, all windows):")
    console.print(types)

    _print_ranks(console, card)
    tiers = Table(box=None, header_style="bold", pad_edge=False)
    left = ("type", "window", "tier")
    for title in (*left, "score from", "precision", "recall", "off site", "shuffled"):
        tiers.add_column(title, justify="left" if title in left else "right")
    for t in card.types:
        for x in t.tiers:
            rates = (x.precision, x.recall, x.per_kb_off_site, x.per_kb_shuffled)
            cells = ("–" if rate != rate else f"{rate:.3f}" for rate in rates)
            first = x.tier == "low"
            kind = t.modification.symbol if first and not x.cut else ""
            window = ("cut" if x.cut else "whole") if first else ""
            score = "–" if x.score != x.score else f"{x.score:.4f}"
            tiers.add_row(kind, window, x.tier, score, *cells)
    if tiers.row_count:
        console.print(
            "\nConfidence tiers: precision and recall on validation windows, half of them "
            "modified, and calls in 1,000 nt beside the known sites of real sequence and in "
            "shuffled sequence. Cut windows reach beyond an end; with fewer than "
            f"{EDGE} nt on one side a site is not called."
        )
        console.print(tiers)
        if any(x.score != x.score for t in card.types for x in t.tiers):
            console.print(f"–: {NO_THRESHOLD}", soft_wrap=True)
    console.print("\nKnow before use:")
    for limit in card.limits:
        console.print(f"- {limit}")


def _print_ranks(console: Console, card: ModelCard) -> None:
    """Print where sites rank in their windows, of the types of which that was measured."""
    from rich.table import Table

    from vqrna.model.protocol import NEAR

    known = [t for t in card.types if t.localisation]
    if not known:
        return
    ranks = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("type", "in 250 nt", f"in {NEAR} nt", "first", "a call points at"):
        ranks.add_column(title, justify="left" if title[0] in "ta" else "right")
    for t in known:
        found = (t.localisation.get(name) for name in ("auroc", "auroc_near", "first"))
        numbers = (f"{x['value']:.2f}" if x else "–" for x in found)
        ranks.add_row(t.modification.symbol, *numbers, t.pointing)
    console.print(
        "\nWhere sites rank among the bases of their kind around them (AUROC, 0.5 is chance), and "
        "the share that ranks first; validation windows that overlap no training window:"
    )
    console.print(ranks)
