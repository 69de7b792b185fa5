"""`vqrna version`: the version of the program, the weights, Python and torch."""

from __future__ import annotations

import platform
from typing import Annotated

import typer

from vqrna._version import __version__
from vqrna.cli.options import option


def version(
    short: Annotated[
        bool, option("Print the version number only, for workflow tools.", names=("--short",))
    ] = False,
) -> None:
    """Print the versions of vqrna, the shipped weights, Python and torch."""
    if short:
        typer.echo(__version__)
        return
    import torch

    from vqrna.errors import DataError
    from vqrna.model.weights import load_model

    try:
        model = load_model(None, "cpu").hash
    except DataError as error:
        model = f"not usable ({error})"
    rows = {
        "vqrna": __version__,
        "model": model,
        "Python": platform.python_version(),
        "torch": torch.__version__,
    }
    for name, value in rows.items():
        typer.echo(f"{name} {value}")
