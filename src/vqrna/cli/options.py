"""Options that several commands share, each with one name, one meaning and one help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataFolder = Annotated[
    Path, typer.Option(metavar="DIR", help="Benchmark layout: DIR/{train,valid,test}/.")
]

Split = Annotated[str, typer.Option(metavar="NAME", help="Windows to read: train, valid or test.")]

SplitOfData = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="With --data: train, valid or test.", show_default="valid"),
]

ModelPath = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH", help="Weights or folder of a run.", show_default="the shipped weights"
    ),
]

TypesInData = Annotated[
    list[str] | None,
    typer.Option(metavar="LIST", help="Types, such as m6A,Psi.", show_default="all in DIR"),
]

OneType = Annotated[
    str,
    typer.Option(
        "--modification", "-m", metavar="TYPE", help="The type, such as m6A.", show_default=False
    ),
]

Negatives = Annotated[
    str, typer.Option(metavar="NAME", help="Set of unmodified windows to compare with.")
]

Permutations = Annotated[
    int, typer.Option(metavar="N", min=0, help="Permutations for the p-values.")
]

CentredWindows = Annotated[
    bool, typer.Option("--windows", help="FASTA holds windows, the site in their centre.")
]

Confidence = Annotated[
    str, typer.Option(metavar="TIER", help="Lowest tier that is called: low, medium, high.")
]

Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Seed of all draws.")]

Palette = Annotated[str, typer.Option(metavar="NAME", help="Colours: types or colorblind.")]

Device = Annotated[str, typer.Option(metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.")]
