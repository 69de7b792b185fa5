"""What `vqrna predict` scans, and what it cannot do with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vqrna.cli.exits import say
from vqrna.errors import UsageError

if TYPE_CHECKING:
    from vqrna.model import Model
    from vqrna.prediction import Settings, Source


def open_source(
    fasta: list[str],
    model: Model,
    settings: Settings,
    regions: Path | None,
    annotation: Path | None,
    context: str,
    unspliced: bool,
) -> Source:
    """Open what is to be scanned."""
    from vqrna.prediction import FastaSource

    if regions is None and annotation is None:
        return FastaSource(tuple(fasta))
    if len(fasta) != 1 or fasta[0] == "-":
        raise UsageError("--regions and --gtf need one genome, in a file")
    from vqrna.genome import open_genome
    from vqrna.sequence import centre

    source = open_genome(
        fasta[0],
        regions=regions,
        annotation=annotation,
        context=context,
        unspliced=unspliced,
        flank=centre(model.length),
        kinds=settings.modifications,
    )
    for note in source.notes:
        say("note", note)
    return source


def refuse_in_stream(**wanted: object) -> None:
    """Say which options a table on standard output cannot serve."""
    names = {
        "plot": "--plot",
        "shard": "--shard",
        "fdr": "--fdr",
        "gtf": "--by-transcript",
        "engine": "--engine ray",
    }
    for key, name in names.items():
        if wanted[key]:
            raise UsageError(f"{name} needs a folder: --out cannot be -")
    if wanted["formats"] and wanted["formats"] != ["tsv"]:
        raise UsageError("standard output takes tsv alone: for other formats give --out a folder")


def is_stream(path: Path) -> bool:
    """Tell whether this is a pipe or device, such as ``<(zcat a.fa.gz)`` or ``/dev/stdin``."""
    return path.exists() and not path.is_file() and not path.is_dir()
