"""`vqrna evaluate`: how well a model tells modified windows from unmodified ones."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import DataFolder, Device, ModelPath, Split, TypesInData

if TYPE_CHECKING:
    from vqrna.data.windows import Windows


def evaluate(
    data: DataFolder,
    split: Split = "valid",
    model: ModelPath = None,
    modifications: TypesInData = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write table, scores and curves here."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    masked: Annotated[
        bool, typer.Option("--masked/--no-masked", help="Score with masked flanks, too.")
    ] = True,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Also scan windows: localisation, calibration, prevalence, false calls, mix-ups.",
        ),
    ] = False,
    localisation: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Scan at most N modified windows a type (implies --full).",
            show_default="all",
        ),
    ] = None,
    resamples: Annotated[
        int, typer.Option(metavar="N", min=0, help="Bootstrap resamples for the intervals.")
    ] = 1000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the resampling.")] = 0,
    device: Device = "auto",
) -> None:
    """Measure a model on labelled windows, with 95 % intervals.

    On all windows and on those that overlap none in DIR/train, against each set
    of negatives. Intervals resample clusters of overlapping windows. --full adds
    what a balanced test does not show (docs/evaluation.md).
    """
    from vqrna.data.benchmark import benchmark_modifications, load_benchmark
    from vqrna.evaluation import FLANKS
    from vqrna.evaluation import evaluate as run
    from vqrna.evaluation.report import write_report
    from vqrna.model.weights import load_model
    from vqrna.modifications import modifications as find
    from vqrna.runtime.files import results_directory

    # A folder that cannot be is better told now than after the work
    with nullcontext() if out is None else results_directory(out):
        there = benchmark_modifications(data)
        wanted = find(modifications, there) if modifications and there else None
        windows = load_benchmark(data, split, wanted, on_missing=lambda line: say("note", line))
        loaded = load_model(model, device=device)
        found = run(
            loaded,
            windows,
            split=split,
            reference=_training_windows(data, split),
            masks=FLANKS if masked else FLANKS[:1],
            full=full or localisation is not None,
            limit=localisation,
            resamples=resamples,
            seed=seed,
            show_progress=True,
        )
        if found.unknown:
            say("note", f"the model does not tell {', '.join(found.unknown)}: left out")
        written = [] if out is None else write_report(found, loaded.modifications, out)
    if json:
        from json import dumps

        typer.echo(dumps(found.to_json(), allow_nan=False))
        return
    from vqrna.cli.evaluation_tables import show

    show(found)
    if found.examination is not None:
        from vqrna.cli.examination_tables import show_examination

        show_examination(found.examination)
    for path in written:
        typer.echo(f"wrote {path}")


def _training_windows(data: Path, split: str) -> Windows | None:
    """Read the windows that others may overlap; say so where that cannot be told."""
    from vqrna.data.benchmark import find_files, load_benchmark

    if split == "train":
        say("note", "these are the training windows: every one overlaps itself")
        return None
    if not find_files(data, "train"):
        say("note", f"{data / 'train'} holds no windows: non_overlapping cannot be told")
        return None
    return load_benchmark(data, "train", on_missing=lambda line: None)
