"""`vqrna lengths` and `vqrna ablate`: compare trainings with different window lengths or parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import (
    RUN,
    TRAINING,
    Address,
    ConfigFile,
    Device,
    DryRun,
    Epochs,
    JobEngine,
    Joint,
    Length,
    Palette,
    PresetName,
    Resamples,
    TypesInData,
    folder_option,
    option,
)
from vqrna.cli.tables import new_console, new_table, report_files
from vqrna.errors import DataError, UsageError
from vqrna.runtime.whole_numbers import whole_number

if TYPE_CHECKING:
    from vqrna.config import Config
    from vqrna.studies.plan import Plan
    from vqrna.training import WindowSource

Out = Annotated[Path, folder_option("Folder for results; an interrupted study continues there.")]

Data = Annotated[
    Path | None,
    option(
        "Data set in the benchmark layout: DIR/{train,valid}/.",
        default="only report the finished cells in --out",
        metavar="DIR",
    ),
]

Seeds = Annotated[str, option("Seeds, such as 0,1,2.", TRAINING, metavar="LIST")]

Jobs = Annotated[
    int | None,
    option(
        "Trainings at a time, one core each.",
        RUN,
        names=("--jobs", "-j"),
        default="1; with Ray, what fits the cluster",
    ),
]

Runs = Annotated[
    Path | None,
    option("Folder for logs, configurations and weights.", RUN, default="OUT/runs", metavar="DIR"),
]


ABLATIONS = (
    "no-quantizer", "no-reconstruction", "one-each", "no-shuffled", "no-ranking", "no-other-types",
    "no-masking", "context-51", "context-201", "context-1001", "codebook-64", "codebook-128",
    "codebook-2048",
)  # fmt: skip
"""Names of the ablations, as in :mod:`vqrna.studies.ablations`, whose import is slow."""


def numbers(text: str, option: str) -> list[int]:
    """Parse ``0,1,2``; raise UsageError for anything else."""
    parsed = [whole_number(word) for word in text.replace(",", " ").split()]
    if None in parsed:
        raise UsageError(f"{option} needs integers such as 1,2, not '{text}'")
    return [number for number in parsed if number is not None]


def settings(preset: str, config: Path | None, epochs: int | None) -> Config:
    """Combine preset, configuration file and options."""
    from vqrna import config as configs

    base = configs.preset(preset)
    if config is not None:
        base = configs.load(config, base)
    return configs.replace(base, epochs=epochs)


def together(joint: bool | None, config: Config) -> bool:
    """Return whether one network is trained for all modifications."""
    return config.model.architecture != "paper" if joint is None else joint


def read(data: Path, modifications: list[str] | None) -> WindowSource:
    """Read the training and validation windows."""
    from vqrna.training import from_benchmark

    return from_benchmark(data, modifications, lambda line: say("note", line))


class Execution(NamedTuple):
    """Options of both commands on how a study runs, named as in ``run_study``."""

    runs: Path | None
    jobs: int | None
    engine: str
    address: str | None
    device: str
    resamples: int
    palette: str


def go(
    plan: Plan, out: Path, how: Execution, dry_run: bool, report: Callable[[tuple], list[str]]
) -> None:
    """Run a planned study or print its plan; raise DataError if a training failed."""
    from vqrna.plots.style import type_colors
    from vqrna.runtime.devices import choose_device
    from vqrna.runtime.jobs import check_pool
    from vqrna.studies.run import run_study

    if how.engine == "local":  # machines of a cluster may have other devices
        choose_device(how.device)
        how = how._replace(jobs=1) if how.jobs is None else how
    type_colors((), how.palette)  # report a wrong name before the work
    check_pool(how.jobs, how.engine, how.address)
    if dry_run:
        _show_plan(plan, out, how.jobs or 1, how.device, how.resamples)
        return
    try:
        result = run_study(plan, out, **how._asdict())
    except KeyboardInterrupt as error:
        error.add_note("finished cells are kept; repeat the command to continue")
        raise
    if result.cells:
        summary(result.cells, result.files, report)
    if result.failures:
        first = result.failures[0]
        raise DataError(
            f"{len(result.failures)} of {len(result.cells) + len(result.failures)} cells failed, "
            f"first '{first.identity.variant}' with seed {first.identity.seed}: {first.reason}; "
            "repeat the command to try again",
            file=first.folder,
        )


def collect(
    study: str, out: Path, palette: str, dry_run: bool, report: Callable[[tuple], list[str]]
) -> None:
    """Report the finished cells in a folder."""
    if dry_run:
        raise UsageError("--dry-run needs --data")
    from vqrna.studies.run import collect_study

    result = collect_study(study, out, palette)
    summary(result.cells, result.files, report)


def summary(cells: tuple, files: tuple[Path, ...], report: Callable[[tuple], list[str]]) -> None:
    """Print the results and the written files."""
    for line in report(cells):
        typer.echo(line)
    report_files(files)


def _show_plan(plan: Plan, out: Path, jobs: int, device: str, resamples: int) -> None:
    """Print the cells of a plan and their expected time."""
    from vqrna.runtime.progress import duration
    from vqrna.studies.cells import CellStore
    from vqrna.studies.estimate import estimate_study
    from vqrna.studies.plan import CELLS

    expected = estimate_study(plan, CellStore(out / CELLS), device=device, resamples=resamples)
    table = new_table(("variant",), ("seed", "epochs", "time", "estimated from"))
    for one in expected:
        identity = one.identity
        time = "finished" if one.finished else duration(one.seconds)
        table.add_row(identity.variant, str(identity.seed), str(identity.epochs), time, one.source)
    console = new_console()
    console.print(table)
    todo = [one.seconds for one in expected if not one.finished]
    total = sum(todo)
    longest = max([total / jobs, *todo], default=0.0)
    console.print(
        f"{len(todo)} of {len(expected)} cells to train: {duration(total)} on one core"
        + (f", {duration(longest)} with {jobs} at a time" if jobs > 1 else "")
    )


def ablate(
    out: Out,
    data: Data = None,
    ablations: Annotated[
        list[str] | None,
        option(
            f"Ablations, comma-separated or repeated: {', '.join(ABLATIONS)}.",
            default="all that apply",
            metavar="LIST",
        ),
    ] = None,
    modifications: TypesInData = None,
    preset: PresetName = "vqrna",
    config: ConfigFile = None,
    length: Length = None,
    joint: Joint = None,
    epochs: Epochs = None,
    seeds: Seeds = "0",
    resamples: Resamples = 1000,
    jobs: Jobs = None,
    engine: JobEngine = "local",
    address: Address = None,
    device: Device = "auto",
    runs: Runs = None,
    palette: Palette = "types",
    dry_run: DryRun = False,
) -> None:
    """Compare the full model with models that lack one part.

    Parts are the quantiser, each loss term, each set of negatives, masking and
    joint training; context width and codebook size are varied, too. Each variant
    and seed is one cell, stored in OUT/cells and never trained twice. Without
    --data, only the report of the finished cells is written.
    """
    if data is None:
        collect("ablations", out, palette, dry_run, _report_ablations)
        return
    chosen = numbers(seeds, "--seeds")
    keys = [word for given in ablations for word in given.split(",") if word] if ablations else None
    from vqrna import config as configs
    from vqrna.studies.ablations import plan_ablations

    base = configs.replace(settings(preset, config, epochs), length=length)
    source = read(data, modifications)
    plan = plan_ablations(source, data, base, keys, chosen, joint=together(joint, base))
    how = Execution(runs, jobs, engine, address, device, resamples, palette)
    go(plan, out, how, dry_run, _report_ablations)


def _report_ablations(cells: tuple) -> list[str]:
    from vqrna.studies.report import ablation_lines

    return ["AUROC minus that of the full model, all validation windows:", *ablation_lines(cells)]


def lengths(
    out: Out,
    data: Data = None,
    lengths: Annotated[
        str, option("Window lengths in nt, odd.", metavar="LIST")
    ] = "51,101,201,301,401,501,701,901,1001",
    modifications: TypesInData = None,
    preset: PresetName = "vqrna",
    config: ConfigFile = None,
    joint: Joint = None,
    epochs: Epochs = None,
    seeds: Seeds = "0",
    resamples: Resamples = 1000,
    jobs: Jobs = None,
    engine: JobEngine = "local",
    address: Address = None,
    device: Device = "auto",
    runs: Runs = None,
    palette: Palette = "types",
    dry_run: DryRun = False,
) -> None:
    """Compare window lengths for each modification.

    Each length and seed is one cell: a training measured on validation windows,
    stored in OUT/cells and never trained twice, so an interrupted study
    continues. Without --data, only the report of the finished cells is written.
    """
    if data is None:
        collect("lengths", out, palette, dry_run, _report_lengths)
        return
    wanted = numbers(lengths, "--lengths")
    chosen = numbers(seeds, "--seeds")
    base = settings(preset, config, epochs)
    from vqrna.studies.lengths import plan_lengths

    source = read(data, modifications)
    plan = plan_lengths(source, data, base, wanted, chosen, joint=together(joint, base))
    how = Execution(runs, jobs, engine, address, device, resamples, palette)
    go(plan, out, how, dry_run, _report_lengths)


def _report_lengths(cells: tuple) -> list[str]:
    from vqrna.studies.report import length_lines

    return ["Best window lengths, all validation windows:", *length_lines(cells, "all")]
