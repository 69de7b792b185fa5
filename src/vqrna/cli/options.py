"""Options that several commands share: one name, one meaning and one help text each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from vqrna.errors import UsageError

CALLING, GENOME, OUTPUT, TRAINING, RUN = "Sites to report", "Genome", "Output", "Training", "Run"
"""Panels of the help."""


def option(
    help: str,
    panel: str | None = None,
    *,
    names: tuple[str, ...] = (),
    default: str | None = None,
    metavar: str | None = None,
    min: float | None = None,
    max: float | None = None,
    parser: Callable[[str], Any] | None = None,
) -> Any:
    """Return a typer option; `default` describes a default that is computed."""
    return typer.Option(
        *names,
        help=help,
        rich_help_panel=panel,
        show_default=default or True,
        metavar=metavar,
        min=min,
        max=max,
        parser=parser,
    )


def folder_option(help: str, default: str | None = None) -> Any:
    """Return the option of the folder for results, which is neither empty nor a stream."""
    parser = partial(_parse_out, expected="a folder")
    return option(help, default=default, metavar="DIR", parser=parser)


def weights_option(help: str) -> Any:
    """Return the option of the weights file to write, which is neither empty nor a stream."""
    return option(help, metavar="FILE", parser=partial(_parse_out, expected="a file"))


def _parse_out(text: str, expected: str) -> Path:
    if text in ("", "-"):
        words = "is empty" if not text else "cannot be - (standard output)"
        raise UsageError(f"--out {words}: expected {expected}")
    return Path(text)


# Data

DataFolder = Annotated[
    Path, option("Data set in the benchmark layout: DIR/{train,valid,test}/.", metavar="DIR")
]

Split = Annotated[str, option("Windows to read: train, valid or test.", metavar="NAME")]

SplitOfData = Annotated[
    str | None, option("With --data: train, valid or test.", default="valid", metavar="NAME")
]

TypesInData = Annotated[
    list[str] | None,
    option(
        "Modifications, such as m6A,Psi or codes a,17802.", default="all in DIR", metavar="LIST"
    ),
]

Negatives = Annotated[str, option("Set of unmodified windows to use.", metavar="NAME")]

CentredWindows = Annotated[
    bool, option("The FASTA holds windows with the site in the centre.", names=("--windows",))
]

# Model and sites

ModelPath = Annotated[
    Path | None,
    option(
        "Weights file, folder of a training run, or 'ensemble'.",
        default="the shipped model",
        metavar="PATH",
    ),
]

CallingModel = Annotated[
    Path | None,
    option(
        "Weights file, folder of a training run, or 'ensemble'.",
        CALLING,
        default="the shipped model",
        metavar="PATH",
    ),
]

Priors = Annotated[
    list[str] | None,
    option(
        "Share of candidates that are modified: 0.001, or m6A=0.002,Psi=0.001.",
        CALLING,
        default="see 'vqrna model info'",
        metavar="LIST",
    ),
]

OneType = Annotated[
    str, option("The modification, such as m6A.", names=("--modification", "-m"), metavar="NAME")
]

Confidence = Annotated[
    str, option("Lowest tier to report: low, medium or high.", CALLING, metavar="TIER")
]

FORMATS = ("tsv", "parquet", "bed", "bedrmod", "bedgraph", "bigwig")
"""Output formats, as in the registry, whose import is slow."""

Formats = Annotated[
    list[str] | None,
    option(
        f"Output formats: {', '.join(FORMATS)}.",
        OUTPUT,
        names=("--format",),
        default="tsv",
        metavar="LIST",
    ),
]

Palette = Annotated[str, option("Colours: types or colorblind.", OUTPUT, metavar="NAME")]

NameUntil = Annotated[
    str,
    option(
        "Cut names of sequences at the first TEXT, such as '|', in all files.",
        OUTPUT,
        metavar="TEXT",
    ),
]

IgnoreVersion = Annotated[
    bool,
    option(
        "Drop versions from names of sequences, in all files: ENST00000257408.4 becomes "
        "ENST00000257408.",
        OUTPUT,
        names=("--ignore-version",),
    ),
]

GenomeContext = Annotated[
    str, option("Sequence around a site: genome (with introns) or transcript (spliced).", GENOME)
]

# Statistics

Permutations = Annotated[int, option("Permutations for the p-values.", metavar="N", min=0)]

Resamples = Annotated[int, option("Bootstrap resamples for the intervals.", metavar="N", min=0)]

Seed = Annotated[int, option("Random seed.", metavar="N", min=0)]

# Training

PresetName = Annotated[str, option("vqrna, or paper (as published).", TRAINING)]

ConfigFile = Annotated[Path | None, option("TOML file with \\[model] and \\[training].", TRAINING)]

Length = Annotated[
    int | None, option("Window length in nt, odd, 51 to 1001.", TRAINING, default="501")
]

Epochs = Annotated[
    int | None, option("Maximum number of epochs.", TRAINING, default="the preset's")
]

Joint = Annotated[
    bool | None,
    option(
        "One network for all modifications, or one each.",
        TRAINING,
        names=("--joint/--one-each",),
        default="joint for vqrna, one each for paper",
    ),
]

# How a command runs

Device = Annotated[str, option("auto, cpu, cuda, cuda:N or mps.", RUN)]

Workers = Annotated[
    int | None,
    option(
        "Number of threads, or of Ray actors.",
        RUN,
        names=("--jobs", "-j"),
        default="one per core, at most 8 threads",
    ),
]

ThreadJobs = Annotated[
    int | None,
    option(
        "Number of threads; the result does not depend on it.",
        RUN,
        names=("--jobs", "-j"),
        default="one per core, at most 8",
    ),
]

Engine = Annotated[str, option("threads, or ray (many cores, GPUs or machines).", RUN)]

Address = Annotated[
    str | None,
    option(
        "Address of a Ray cluster (HOST:PORT), or auto for the one on this machine.",
        RUN,
        default="a new one",
    ),
]

ShardOfRun = Annotated[
    str | None,
    option(
        "Process shard I of N, such as 1/8; combine the shards with vqrna join.", RUN, metavar="I/N"
    ),
]

Resume = Annotated[
    bool, option("Continue an interrupted run, or start again.", RUN, names=("--resume/--fresh",))
]

JobEngine = Annotated[str, option("local, or ray (a cluster).", RUN)]

Threads = Annotated[
    int | None, option("CPU threads of each process.", RUN, default="automatic", min=1)
]

DryRun = Annotated[
    bool,
    option("Print the plan and the expected time, and train nothing.", RUN, names=("--dry-run",)),
]
