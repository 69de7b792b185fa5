"""`vqrna model`: what a model is, what it was trained on and what its calls mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    from vqrna.cli.model_tables import show

    show(card)
