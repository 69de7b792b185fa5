"""Options that several commands share: one name, one meaning and one help text each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CALLING, GENOME, OUTPUT, TRAINING, RUN = "Sites to report", "Genome", "Output", "Training", "Run"
"""Panels of the help."""

# Data

DataFolder = Annotated[
    Path,
    typer.Option(metavar="DIR", help="Data set in the benchmark layout: DIR/{train,valid,test}/."),
]

Split = Annotated[str, typer.Option(metavar="NAME", help="Windows to read: train, valid or test.")]

SplitOfData = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="With --data: train, valid or test.", show_default="valid"),
]

TypesInData = Annotated[
    list[str] | None,
    typer.Option(metavar="LIST", help="Modifications, such as m6A,Psi.", show_default="all in DIR"),
]

Negatives = Annotated[str, typer.Option(metavar="NAME", help="Set of unmodified windows to use.")]

CentredWindows = Annotated[
    bool, typer.Option("--windows", help="The FASTA holds windows with the site in the centre.")
]

# Model and sites

ModelPath = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Weights file or folder of a training run.",
        show_default="the shipped model",
    ),
]

OneType = Annotated[
    str,
    typer.Option(
        "--modification",
        "-m",
        metavar="NAME",
        help="The modification, such as m6A.",
        show_default=False,
    ),
]

Confidence = Annotated[
    str,
    typer.Option(
        metavar="TIER",
        help="Lowest tier to report: low, medium or high.",
        rich_help_panel=CALLING,
    ),
]

Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="LIST",
        help="tsv, parquet, bed, bedrmod, bedgraph, bigwig; comma-separated or repeated.",
        show_default="tsv",
        rich_help_panel=OUTPUT,
    ),
]

Palette = Annotated[
    str,
    typer.Option(metavar="NAME", help="Colours: types or colorblind.", rich_help_panel=OUTPUT),
]

# Statistics

Permutations = Annotated[
    int, typer.Option(metavar="N", min=0, help="Permutations for the p-values.")
]

Resamples = Annotated[
    int, typer.Option(metavar="N", min=0, help="Bootstrap resamples for the intervals.")
]

Seed = Annotated[int, typer.Option(metavar="N", min=0, help="Random seed.")]

# Training

PresetName = Annotated[
    str, typer.Option(help="vqrna, or paper (as published).", rich_help_panel=TRAINING)
]

ConfigFile = Annotated[
    Path | None,
    typer.Option(help="TOML file with \\[model] and \\[training].", rich_help_panel=TRAINING),
]

Length = Annotated[
    int | None,
    typer.Option(
        help="Window length in nt, odd, 51 to 1001.",
        show_default="501",
        rich_help_panel=TRAINING,
    ),
]

Epochs = Annotated[
    int | None,
    typer.Option(
        help="Maximum number of epochs.", show_default="the preset's", rich_help_panel=TRAINING
    ),
]

Joint = Annotated[
    bool | None,
    typer.Option(
        "--joint/--one-each",
        help="One network for all modifications, or one each.",
        show_default="joint for vqrna, one each for paper",
        rich_help_panel=TRAINING,
    ),
]

# How a command runs

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel=RUN)]

Address = Annotated[
    str | None,
    typer.Option(
        help="Address of a Ray cluster (HOST:PORT), or auto for the one on this machine.",
        show_default="a new one",
        rich_help_panel=RUN,
    ),
]

JobEngine = Annotated[str, typer.Option(help="local, or ray (a cluster).", rich_help_panel=RUN)]

Threads = Annotated[
    int | None,
    typer.Option(
        min=1, help="CPU threads of each process.", show_default="automatic", rich_help_panel=RUN
    ),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Print the plan and the expected time, and train nothing.",
        rich_help_panel=RUN,
    ),
]
