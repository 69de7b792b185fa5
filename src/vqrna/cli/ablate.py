"""`vqrna ablate`: what is lost when a part of the model or its training is left out."""

from __future__ import annotations

from typing import Annotated

import typer

from vqrna.cli import study
from vqrna.cli.options import Palette


def ablate(
    out: study.Out,
    data: study.Data = None,
    ablations: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="Such as no-quantizer,one-each,codebook-64; a wrong name lists them.",
            show_default="all that change something",
        ),
    ] = None,
    modifications: study.Types = None,
    preset: study.PresetName = "vqrna",
    config: study.ConfigFile = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="Window length of the whole, in nt.",
            show_default="501",
            rich_help_panel="What is trained",
        ),
    ] = None,
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
    """Train the whole and the whole less one part, and compare them.

    Without the quantiser, a loss, a kind of negatives, masking or joint
    training; with another context width or codebook size. Each with each seed
    is a cell, kept in a small file under OUT/cells; what is there is not made
    again. Without --data, table and picture are made of the cells that are
    there.
    """
    if data is None:
        study.collect("ablations", out, palette, dry_run, _tell)
        return
    chosen = study.numbers(seeds, "--seeds")
    keys = [word for given in ablations for word in given.split(",") if word] if ablations else None
    from vqrna import config as configs
    from vqrna.studies.ablations import plan_ablations

    base = configs.replace(study.settings(preset, config, epochs), length=length)
    source = study.read(data, modifications)
    plan = plan_ablations(source, data, base, keys, chosen, joint=study.together(joint, base))
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
    from vqrna.studies.report import ablation_lines

    return ["AUROC less that of the whole, on all validation windows:", *ablation_lines(cells)]
