"""What `vqrna lengths` and `vqrna ablate` have in common: options, the run, the summary.

`vqrna ablate`: what is lost when a part of the model or its training is left out.

`vqrna lengths`: which window length serves which modification.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vqrna.cli.exits import say
from vqrna.cli.options import Palette
from vqrna.errors import DataError, UsageError

if TYPE_CHECKING:
    from vqrna.config import Config
    from vqrna.studies.plan import Plan
    from vqrna.training import Source


_WHAT, _RUNNING = "What is trained", "Running"

Out = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder for cells, table and picture; goes on there.")
]

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Benchmark layout: DIR/{train,valid}/.",
        show_default="only table and picture, of the cells in --out",
    ),
]

Types = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LIST",
        help="Types, such as Am,m5C.",
        show_default="all in DIR",
        rich_help_panel=_WHAT,
    ),
]

PresetName = Annotated[
    str, typer.Option(help="vqrna (ours) or paper (as published).", rich_help_panel=_WHAT)
]

ConfigFile = Annotated[
    Path | None,
    typer.Option(help="TOML with tables \\[model] and \\[training].", rich_help_panel=_WHAT),
]

Epochs = Annotated[
    int | None,
    typer.Option(
        help="At most so many epochs a cell.", show_default="the preset's", rich_help_panel=_WHAT
    ),
]

Seeds = Annotated[
    str, typer.Option(metavar="LIST", help="Seeds, such as 0,1,2.", rich_help_panel=_WHAT)
]

Joint = Annotated[
    bool | None,
    typer.Option(
        "--joint/--one-each",
        help="One network for all types, or one each.",
        show_default="joint for vqrna, one each for paper",
        rich_help_panel=_WHAT,
    ),
]

Resamples = Annotated[
    int,
    typer.Option(
        metavar="N", min=0, help="Bootstrap resamples for the intervals.", rich_help_panel=_WHAT
    ),
]

Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        "-j",
        help="Cells at a time, a core each.",
        show_default="1; with Ray what fits the cluster",
        rich_help_panel=_RUNNING,
    ),
]

Engine = Annotated[
    str,
    typer.Option(help="local, or ray: cores and GPUs of a cluster.", rich_help_panel=_RUNNING),
]

Address = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster to use: HOST:PORT of its head, or auto for this machine's.",
        show_default="one of its own",
        rich_help_panel=_RUNNING,
    ),
]

Where = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda or mps.", rich_help_panel=_RUNNING)
]

Runs = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder for logs, configs and weights.",
        show_default="OUT/runs",
        rich_help_panel=_RUNNING,
    ),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Show the cells and how long they will take, measured; make none.",
        rich_help_panel=_RUNNING,
    ),
]


def numbers(text: str, option: str) -> list[int]:
    """Read ``0,1,2`` (UsageError)."""
    try:
        return [int(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise UsageError(f"{option} is a list of whole numbers such as 1,2, not '{text}'") from None


def settings(preset: str, config: Path | None, epochs: int | None) -> Config:
    """Put preset, file and options together."""
    from vqrna import config as configs

    base = configs.preset(preset)
    if config is not None:
        base = configs.load(config, base)
    return configs.replace(base, epochs=epochs)


def together(joint: bool | None, config: Config) -> bool:
    """Tell whether one network is trained for all types."""
    return config.model.architecture != "paper" if joint is None else joint


def read(data: Path, modifications: list[str] | None) -> Source:
    """Read the windows."""
    from vqrna.training import from_benchmark

    return from_benchmark(data, modifications, lambda line: say("note", line))


def go(
    plan: Plan,
    out: Path,
    *,
    runs: Path | None,
    jobs: int | None,
    engine: str,
    address: str | None,
    device: str,
    resamples: int,
    palette: str,
    dry_run: bool,
    tell: Callable[[tuple], list[str]],
) -> None:
    """Run a planned study, or show its plan; end with one line if cells failed."""
    from vqrna.plots.style import type_colors
    from vqrna.runtime.devices import choose_device
    from vqrna.runtime.jobs import check_pool
    from vqrna.studies.run import run_study

    if engine == "local":  # the machines of a cluster may have what this one has not
        choose_device(device)
    type_colors((), palette)  # a wrong name is told before the work
    check_pool(jobs, engine, address)
    if dry_run:
        _show_plan(plan, out, jobs or 1, device, resamples)
        return
    try:
        found = run_study(
            plan,
            out,
            runs=runs,
            jobs=jobs if jobs or engine == "ray" else 1,
            engine=engine,
            address=address,
            device=device,
            resamples=resamples,
            palette=palette,
        )
    except KeyboardInterrupt as error:
        error.add_note("what is finished is kept: the same command goes on from there")
        raise
    if found.cells:
        summary(found.cells, found.files, tell)
    if found.failures:
        first = found.failures[0]
        raise DataError(
            f"{len(found.failures)} of {len(found.cells) + len(found.failures)} cells failed, "
            f"'{first.identity.variant}' with seed {first.identity.seed} among them "
            f"({first.reason}); the same command tries them again",
            file=first.folder,
        )


def collect(
    study: str, out: Path, palette: str, dry_run: bool, tell: Callable[[tuple], list[str]]
) -> None:
    """Make table and picture of the cells in a folder."""
    if dry_run:
        raise UsageError("--dry-run needs --data")
    from vqrna.studies.run import collect_study

    found = collect_study(study, out, palette)
    summary(found.cells, found.files, tell)


def summary(cells: tuple, files: tuple[Path, ...], tell: Callable[[tuple], list[str]]) -> None:
    """Print what was found and what was written."""
    for line in tell(cells):
        typer.echo(line)
    for path in files:
        typer.echo(f"wrote {path}")


def _show_plan(plan: Plan, out: Path, jobs: int, device: str, resamples: int) -> None:
    """Print the cells of a plan with the time that they will take."""
    from rich.console import Console
    from rich.table import Table

    from vqrna.runtime.progress import duration
    from vqrna.studies.cells import CellStore
    from vqrna.studies.estimate import estimate
    from vqrna.studies.plan import CELLS

    expected = estimate(plan, CellStore(out / CELLS), device=device, resamples=resamples)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("variant", "seed", "epochs", "time", "follows from"):
        table.add_column(title, justify="right" if title in ("seed", "epochs", "time") else "left")
    for one in expected:
        identity = one.identity
        time = "there" if one.there else duration(one.seconds)
        table.add_row(identity.variant, str(identity.seed), str(identity.epochs), time, one.source)
    console = Console()
    console.print(table)
    todo = [one.seconds for one in expected if not one.there]
    total = sum(todo)
    longest = max([total / jobs, *todo], default=0.0)
    console.print(
        f"{len(todo)} of {len(expected)} cells to make: {duration(total)} on one core"
        + (f", {duration(longest)} with {jobs} at a time" if jobs > 1 else ""),
        highlight=False,
    )


def ablate(
    out: Out,
    data: Data = None,
    ablations: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="Such as no-quantizer,one-each,codebook-64; a wrong name lists them.",
            show_default="all that change something",
        ),
    ] = None,
    modifications: Types = None,
    preset: PresetName = "vqrna",
    config: ConfigFile = None,
    length: Annotated[
        int | None,
        typer.Option(
            help="Window length of the whole, in nt.",
            show_default="501",
            rich_help_panel="What is trained",
        ),
    ] = None,
    joint: Joint = None,
    epochs: Epochs = None,
    seeds: Seeds = "0",
    resamples: Resamples = 1000,
    jobs: Jobs = None,
    engine: Engine = "local",
    address: Address = None,
    device: Where = "auto",
    runs: Runs = None,
    palette: Palette = "types",
    dry_run: DryRun = False,
) -> None:
    """Train the whole and the whole less one part, and compare them.

    Without the quantiser, a loss, a kind of negatives, masking or joint
    training; with another context width or codebook size. Each with each seed
    is a cell, kept in a small file under OUT/cells; what is there is not made
    again. Without --data, table and picture are made of the cells that are
    there.
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
    go(
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
        tell=_report_ablations,
    )


def _report_ablations(cells: tuple) -> list[str]:
    from vqrna.studies.report import ablation_lines

    return ["AUROC less that of the whole, on all validation windows:", *ablation_lines(cells)]


def lengths(
    out: Out,
    data: Data = None,
    lengths: Annotated[
        str,
        typer.Option(metavar="LIST", help="Window lengths in nt, odd."),
    ] = "51,101,201,301,401,501,701,901,1001",
    modifications: Types = None,
    preset: PresetName = "vqrna",
    config: ConfigFile = None,
    joint: Joint = None,
    epochs: Epochs = None,
    seeds: Seeds = "0",
    resamples: Resamples = 1000,
    jobs: Jobs = None,
    engine: Engine = "local",
    address: Address = None,
    device: Where = "auto",
    runs: Runs = None,
    palette: Palette = "types",
    dry_run: DryRun = False,
) -> None:
    """Train at several window lengths and say which one serves each type.

    Each length with each seed is a cell: one training, measured on validation
    windows, kept in a small file under OUT/cells. What is there is not made
    again, so that a study goes on after whatever stopped it. Without --data,
    table and picture are made of the cells that are there.
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
    go(
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
        tell=_report_lengths,
    )


def _report_lengths(cells: tuple) -> list[str]:
    from vqrna.studies.report import length_lines

    return ["Which length serves, on all validation windows:", *length_lines(cells, "all")]
