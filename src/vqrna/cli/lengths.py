"""`vqrna lengths`: which window length serves which modification."""

from __future__ import annotations

from typing import Annotated

import typer

from vqrna.cli import study
from vqrna.cli.options import Palette


def lengths(
    out: study.Out,
    data: study.Data = None,
    lengths: Annotated[
        str,
        typer.Option(metavar="LIST", help="Window lengths in nt, odd."),
    ] = "51,101,201,301,401,501,701,901,1001",
    modifications: study.Types = None,
    preset: study.PresetName = "vqrna",
    config: study.ConfigFile = None,
    joint: study.Joint = None,
    epochs: study.Epochs = None,
    seeds: study.Seeds = "0",
    resamples: study.Resamples = 1000,
    jobs: study.Jobs = None,
    engine: study.Engine = "local",
    address: study.Address = None,
    device: study.Where = "auto",
    runs: study.Runs = None,
    palette: Palette = "types",
    dry_run: study.DryRun = False,
) -> None:
    """Train at several window lengths and say which one serves each type.

    Each length with each seed is a cell: one training, measured on validation
    windows, kept in a small file under OUT/cells. What is there is not made
    again, so that a study goes on after whatever stopped it. Without --data,
    table and picture are made of the cells that are there.
    """
    if data is None:
        study.collect("lengths", out, palette, dry_run, _tell)
        return
    wanted = study.numbers(lengths, "--lengths")
    chosen = study.numbers(seeds, "--seeds")
    base = study.settings(preset, config, epochs)
    from vqrna.studies.lengths import plan_lengths

    source = study.read(data, modifications)
    plan = plan_lengths(source, data, base, wanted, chosen, joint=study.together(joint, base))
    study.go(
        plan,
        out,
        runs=runs,
        jobs=jobs,
        engine=engine,
        address=address,
        device=device,
        resamples=resamples,
        palette=palette,
        dry_run=dry_run,
        tell=_tell,
    )


def _tell(cells: tuple) -> list[str]:
    from vqrna.studies.report import length_lines

    return ["Which length serves, on all validation windows:", *length_lines(cells, "all")]
